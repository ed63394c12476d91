"""What a run of the benchmarks is told: by scripts/bench, and by the variables of its help."""

import os
import tempfile
from pathlib import Path


def number(name, default):
    return int(os.environ.get(name) or default)


ROOT = Path(__file__).resolve().parents[3]
RESULTS = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "bench"

ROUNDS = number("BENCH_ROUNDS", 5)
SECONDS = number("BENCH_SECONDS", 5)  # of one measurement
MOVIES = number("BENCH_MOVIES", 100_000)
PAYMENTS = number("BENCH_PAYMENTS", 200_000)  # that wait in the queue
LINES = number("BENCH_LINES", 200_000)  # of a stream of events
LOCATIONS = number("BENCH_LOCATIONS", 100_000)  # that wait in the queues
STREAM_MB = number("BENCH_STREAM_MB", 1_000)  # of a stream that is watched for its memory
EVENTS = number("BENCH_EVENTS", 1_000_000)  # that a report reads
SIZES = [int(size) for size in os.environ.get("BENCH_SIZES", "1000 10000 100000 1000000 10000000").split()]
CONNECTIONS = [int(count) for count in os.environ.get("BENCH_CONNECTIONS", "1 16 64 256 1024").split()]

SCRATCH = Path(os.environ.get("BENCH_SCRATCH") or tempfile.gettempdir())
PROFILE = os.environ.get("CRUD_MASTER_PROFILE", "release")
DATA = Path(os.environ.get("CRUD_MASTER_DATA", ROOT / ".data"))
BINARIES = Path(os.environ.get("BENCH_BINARIES", ROOT / "target" / PROFILE))
CLIENTS = Path(os.environ.get("BENCH_CLIENTS", ROOT / "target" / "quick" / "examples"))
# What scripts/lib/services.sh adds to the environment of a service.
ALLOCATION = dict([os.environ["BENCH_ALLOCATION"].split("=")]) if "BENCH_ALLOCATION" in os.environ else {}
POSTGRES = Path(os.environ.get("BENCH_POSTGRES", "/usr/bin"))  # the folder of psql and pgbench
