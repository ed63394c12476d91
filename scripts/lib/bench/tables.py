"""Rows for a measurement, made by SQL. What was in a table is removed: the instance belongs to the benchmarks."""

import database


def fill_movies(count):
    """With the ids from 1 to `count`."""
    database.psql(
        "inventory",
        "TRUNCATE movies RESTART IDENTITY",
        f"INSERT INTO movies (title, description) SELECT 'Measured ' || n, 'for scripts/bench' FROM generate_series(1, {count}) n",
        "VACUUM ANALYZE movies",
    )


def fill_payments(count):
    """Their uuids end with a number from 1 to `count`."""
    database.psql(
        "billing",
        "TRUNCATE orders RESTART IDENTITY",
        "INSERT INTO orders (message_id, user_id, number_of_items, total_amount) "
        f"SELECT ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, '3', 5, 180 FROM generate_series(1, {count}) n",
        "VACUUM ANALYZE orders",
    )


# January 2026 has the number 2112 + 1 in the id of an event, behind the digit of its version.
FIRST_MONTH = 0x7000 + 2112 + 1


def fill_events(count):
    """In the twelve months of 2026 in turn; the number from 1 to `count` and that of the month are in the uuid."""
    database.psql(
        "billing",
        "TRUNCATE events.events",
        "SELECT events.add_month(make_date(2026, month, 1)) FROM generate_series(1, 12) month",
        'INSERT INTO events.events (id, "timestamp", client, client_group, valid, device_type, category, value) '
        f"SELECT ('01900000-0000-' || to_hex({FIRST_MONTH} + n % 12) || '-8000-' || lpad(to_hex(n), 12, '0'))::uuid, "
        "make_timestamptz(2026, n % 12 + 1, 5, 0, 0, 0, 'UTC'), n % 200, n % 10, true, 'phone', 'purchase', 12.5 "
        f"FROM generate_series(1, {count}) n",
        "VACUUM ANALYZE events.events",
    )


# For wrk: the path of a random row of `count`.
PATHS = {
    "movies": 'return "/api/movies/" .. n',
    "payments": 'return string.format("/api/billing/00000000-0000-4000-8000-%012x", n)',
    "events": f'return string.format("/api/events/01900000-0000-%04x-8000-%012x", {FIRST_MONTH} + n % 12, n)',
}


def random_reads(file, table, count):
    """Writes the script of wrk that reads `table` by id."""
    file.write_text(
        f"local function path(n) {PATHS[table]} end\n"
        f"request = function() return wrk.format('GET', path(math.random(1, {count}))) end\n"
    )
    return file
