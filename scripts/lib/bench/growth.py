"""The same requests with more connections, and reads by id in larger tables."""

import itertools

import payments
import system
import tables
import wrk
from comparison import Comparison, Goal
from contender import Contender
from settings import CONNECTIONS, SCRATCH, SIZES

FLAT_TO = 256  # connections
READERS = 32
FLAT = 0.9  # of a rate: what two measurements of the same thing differ by

TABLES = {
    "movies": (tables.fill_movies, "inventory-app"),
    "payments": (tables.fill_payments, "billing-app"),
    "events": (tables.fill_events, "billing-app"),
}


def goals(counts):
    """Each step has at least the rate of the one before, up to FLAT_TO; the 99th percentile grows no faster than the connections."""
    for less, more in itertools.pairwise(counts):
        if more <= FLAT_TO:
            yield Goal(label(more), label(less), FLAT)
        yield Goal(label(more), label(less), more / less / FLAT, "late_us", at_least=False)


def label(count):
    return f"{count:,} connection{'s' if count > 1 else ''}"


def by_connections(title, unit, measure, prepare, *parts):
    contenders = [
        Contender(label(count), lambda count=count: measure(count), system.pids(*parts), prepare) for count in CONNECTIONS
    ]
    return Comparison(title, unit, contenders, list(goals(CONNECTIONS))).run()


def read(table, service, size):
    script = tables.random_reads(SCRATCH / f"{table}.lua", table, size)
    return wrk.load(system.url(service), READERS, script=script)


def by_size(table):
    fill, service = TABLES[table]

    def contender(size):
        def warm():
            fill(size)
            read(table, service, size)

        return Contender(f"{size:,} rows", lambda: read(table, service, size), system.pids(service, "postgres"), warm=warm)

    goals = [Goal(f"{size:,} rows", f"{SIZES[0]:,} rows", FLAT) for size in SIZES[1:]]
    title = f"GET one of {table} by a random id at {service}, {READERS} connections"
    return Comparison(title, "requests", [contender(size) for size in SIZES], goals).run_in_order()


def run():
    tables.fill_movies(1_000)
    movie = f"{system.url('api-gateway')}/api/movies/1"
    parts = ("api-gateway", "inventory-app", "postgres")
    yield by_connections("GET one movie through the gateway", "requests", lambda count: wrk.load(movie, count), lambda: None, *parts)
    yield by_connections("POST payment, confirmed", "payments", payments.post, payments.wait_recorded, "api-gateway", *payments.BEHIND)
    for table in TABLES:
        yield by_size(table)
