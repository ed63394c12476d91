"""Location events of bikes on their trips: accepted through the gateway; and those that wait in both queues until they are applied,
beside psql's COPY of as many places into the table of tracks."""

import statistics
import time

import database
import process
import system
from comparison import Comparison, Goal
from contender import Contender, Sample
from settings import LOCATIONS, SCRATCH, SECONDS

BIKES = 500
CONNECTIONS = 64
QUEUES = ("locations_position", "locations_track")


def make_bikes():
    database.psql(
        "inventory",
        "INSERT INTO bikes.bikes (id, longitude, latitude) "
        f"SELECT 'bench-' || n, 0, 0 FROM generate_series(1, {BIKES}) n ON CONFLICT DO NOTHING",
        "INSERT INTO trips.trips (id, bike_id, started_at) "
        f"SELECT gen_random_uuid(), 'bench-' || n, now() FROM generate_series(1, {BIKES}) n "
        "ON CONFLICT (bike_id) WHERE ended_at IS NULL DO NOTHING",
    )


def applied(queue):
    return system.consumed("inventory-app", queue)


def wait_applied():
    for queue in QUEUES:
        system.settle(lambda queue=queue: applied(queue))


def post(rates):
    before = [applied(queue) for queue in QUEUES]
    accepted, rate, failed, median, late = system.example("locations", CONNECTIONS, SECONDS, BIKES)
    seconds = accepted / max(rate, 1)
    rates.append([(applied(queue) - start) / seconds for queue, start in zip(QUEUES, before, strict=True)])
    return Sample(accepted, seconds, median, late, int(failed))


def accepting():
    rates = []
    parts = system.pids("api-gateway", "inventory-app", "rabbitmq", "postgres")
    contender = Contender("gateway", lambda: post(rates), parts, wait_applied)
    comparison = Comparison(f"POST location event, confirmed, {CONNECTIONS} connections", "events", [contender]).run()
    for queue, column in zip(QUEUES, zip(*rates[1:], strict=True), strict=True):
        comparison.notes.append(f"Applied meanwhile by the reader of `{queue}`: {statistics.median(column):,.0f} a second.")
    return comparison


def queue_locations():
    wait_applied()
    system.service("stop", "inventory-app")
    system.example("publish", "locations", 900, LOCATIONS, limit=960)


def drain():
    """Both readers, each of all events; the start of the service is counted."""
    began = time.perf_counter()
    system.service("start", "inventory-app")
    for queue in QUEUES:
        system.reach(lambda queue=queue: applied(queue), LOCATIONS)
    took = time.perf_counter() - began
    inventory = system.pid("inventory-app")
    return Sample(LOCATIONS, took, costs={"inventory-app": process.cost(inventory)}, peaks={"inventory-app": process.peak(inventory)})


def write_places():
    """Each of another trip than the one before, and of now."""
    database.psql(
        "inventory",
        f"\\copy (SELECT trips.id, clock_timestamp(), n % 180, 48.8566 FROM generate_series(1, {LOCATIONS}) n "
        f"JOIN trips.trips ON bike_id = 'bench-' || n % {BIKES} + 1 AND ended_at IS NULL ORDER BY n) TO '{SCRATCH}/places.tsv'",
    )


def copy():
    columns = "trip_id, recorded_at, longitude, latitude"
    return Sample(LOCATIONS, database.timed("inventory", rf"\copy trips.locations ({columns}) FROM '{SCRATCH}/places.tsv'"))


def draining():
    try:
        plain = Contender("psql COPY", copy, system.pids("postgres"), write_places)
        ours = Contender("inventory", drain, system.pids("rabbitmq", "postgres"), queue_locations)
        title = f"{LOCATIONS:,} queued location events, moved and drawn"
        return Comparison(title, "events", [plain, ours], [Goal(ours.name, plain.name, 0.4)]).run()
    finally:
        system.service("start", "inventory-app")


def run():
    make_bikes()
    yield accepting()
    yield draining()
