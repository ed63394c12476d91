"""GET 100 movies, and GET all of them as a stream, beside psql's COPY of the same rows to /dev/null."""

import subprocess

import database
import system
import tables
import wrk
from comparison import Comparison, Goal
from contender import Contender, Sample
from settings import MOVIES

CONNECTIONS = 32
SERVICES = {"gateway": ("api-gateway", "inventory-app", "postgres"), "inventory": ("inventory-app", "postgres")}
PEAK_MB = 40


def read_all(service):
    """curl fails when the stream does not come to its end."""
    command = ["curl", "-fsS", "-m", "600", "-o", "/dev/null", "-w", "%{time_total} %{size_download}", f"{system.url(service)}/api/movies"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"GET all movies: {done.stderr}")
    seconds, length = map(float, done.stdout.split())
    if length < MOVIES * 20:
        raise RuntimeError(f"GET all movies: {length} bytes are not {MOVIES} movies")
    return Sample(MOVIES, seconds)


def copy():
    return Sample(MOVIES, database.timed("inventory", r"\copy (SELECT id, title, description FROM movies ORDER BY id) TO '/dev/null'"))


def hundred():
    def read(service):
        return wrk.load(f"{system.url(service)}/api/movies?limit=100", CONNECTIONS)

    contenders = [
        Contender(name, lambda parts=parts: read(parts[0]), system.pids(*parts)) for name, parts in SERVICES.items()
    ]
    return Comparison(f"GET 100 movies, {CONNECTIONS} connections", "requests", contenders).run()


def everything():
    system.restart("inventory-app", "api-gateway")
    plain = Contender("psql COPY", copy, system.pids("postgres"))
    ours = [
        Contender(name, lambda parts=parts: read_all(parts[0]), system.pids(*parts))
        for name, parts in SERVICES.items()
    ]
    goals = [goal for one in ours for goal in (Goal(one.name, plain.name, 0.5), Goal(one.name, None, PEAK_MB, "peak_mb", at_least=False))]
    return Comparison(f"GET all of {MOVIES:,} movies, one client", "rows", [plain, *ours], goals).run()


def run():
    tables.fill_movies(MOVIES)
    yield hundred()
    yield everything()
