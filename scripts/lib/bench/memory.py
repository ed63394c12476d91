"""Each service's memory: after a start, and its peak under reads, payments, lists and a stream of events."""

import time

import events
import payments
import process
import system
import tables
import wrk
from comparison import Comparison, Goal
from contender import Contender, Sample
from settings import BINARIES, MOVIES

PEAK_MB = 40
CONNECTIONS = 64


def idle():
    system.restart(*reversed(system.SERVICES))
    time.sleep(2)  # a start frees what it needed
    return {name: process.resident(system.pid(name)) / 1e6 for name in system.SERVICES}


def load():
    gateway, began = system.url("api-gateway"), time.monotonic()
    parts = [wrk.load(f"{gateway}{path}", CONNECTIONS) for path in ("/api/movies/1", "/api/movies?limit=100", "/api/movies")]
    parts += [payments.post(), events.stream()]
    count, failed = (sum(counts) for counts in zip(*((part.count, part.failed) for part in parts), strict=True))
    return Sample(count, time.monotonic() - began, failed=failed)


def run():
    tables.fill_movies(MOVIES)
    events.write_bodies()
    resident = idle()
    contender = Contender("load", load, system.pids(*system.SERVICES), payments.wait_recorded, warm=lambda: None)
    title = f"Memory under {CONNECTIONS} connections: one movie, 100, all; payments; a stream of events"
    comparison = Comparison(title, "requests", [contender], [Goal("load", None, PEAK_MB, "peak_mb", at_least=False)]).run()
    for name in system.SERVICES:
        size = (BINARIES / name).stat().st_size / 1e6
        comparison.notes.append(f"{name}: {resident[name]:.1f} MB after a start; its binary has {size:.1f} MB.")
    payments.wait_recorded()
    yield comparison
