"""Reports over generated events: the one by client and date beside the same SQL by psql."""

import subprocess
import time

import database
import system
from comparison import Comparison, Goal
from contender import Contender, Sample
from settings import BINARIES, EVENTS

# What the billing sends for `group_by=client,date`; crates/billing-app/src/reports/sql.rs makes it.
SQL = """
    WITH groups AS MATERIALIZED (
        SELECT client, ("timestamp" AT TIME ZONE 'UTC')::date AS date, sum(value) AS sum, count(*) AS count
        FROM events.events WHERE true GROUP BY 1, 2
    ), page AS (
        SELECT *, sign(sum) * div(abs(sum) * 2000000 + count, 2 * count) * 0.000001 AS mean
        FROM groups ORDER BY client ASC, date ASC OFFSET 0 LIMIT 100
    )
    SELECT total.total_count, page.client, NULL::bigint AS client_group, NULL::text AS device_type, NULL::text AS category,
           NULL::boolean AS valid, page.date, page.mean::text AS mean, page.sum::text AS sum, page.count
    FROM (SELECT count(*) AS total_count FROM groups) total LEFT JOIN page ON true ORDER BY page.client ASC, page.date ASC
"""
SETTINGS = ("SET work_mem = '64MB'", "SET jit = off")

OTHERS = {
    "the largest mean first": "group_by=client,date&order_by=-mean",
    "by all dimensions": "",
    "by category": "group_by=category",
    "by date, of one client in one month": "group_by=date&clients=42&start_date=2026-03-01&end_date=2026-03-31",
    "by category, of one month": "group_by=category&start_date=2026-03-01&end_date=2026-03-31",
}


def one(seconds):
    return Sample(1, seconds)


def ask(query):
    began = time.perf_counter()
    report = system.call(f"/api/reports?{query}")
    took = time.perf_counter() - began
    if not report["data"]:
        raise RuntimeError(f"the report {query} is empty")
    return one(took)


def contender(name, query):
    return Contender(name, lambda: ask(query), system.pids("api-gateway", "billing-app", "postgres"))


def generate():
    database.psql("billing", "TRUNCATE events.events")
    command = [BINARIES / "billing-app", "generate-events", "--count", str(EVENTS)]
    subprocess.run(command, stderr=subprocess.DEVNULL, timeout=3600, check=True)
    database.psql("billing", "VACUUM ANALYZE events.events")


def run():
    generate()
    # The second in its session: the billing's sessions know the partitions, too.
    plain = Contender("psql", lambda: one(database.timed("billing", *SETTINGS, SQL, SQL)))
    ours = contender("gateway", "group_by=client,date")
    yield Comparison(f"A report over {EVENTS:,} events by client and date", None, [plain, ours], [Goal(ours.name, plain.name, 0.95)]).run()
    yield Comparison(f"Other reports over {EVENTS:,} events", None, [contender(name, query) for name, query in OTHERS.items()]).run()
