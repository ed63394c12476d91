"""Events one by one, as arrays and as a stream of lines, beside psql's COPY of the same rows into the same table; and memory while a
long stream passes."""

import itertools
import json
import subprocess
import time

import database
import system
import wrk
from comparison import Comparison, Goal
from contender import Contender, Sample
from settings import LINES, SCRATCH, STREAM_MB

PARTS = ("api-gateway", "billing-app", "postgres")
PEAK_MB = 40
ARRAYS = 100
COLUMNS = 'id, "timestamp", client, client_group, valid, device_type, category, value'
rounds = itertools.count()


def event(number):
    """Of several clients, within one day."""
    seconds = number % 86_400
    return {
        "timestamp": f"2026-11-22T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}Z",
        "client": number % 200,
        "client_group": 7,
        "device_type": "phone",
        "category": "purchase",
        "valid": True,
        "value": "12.5",
    }


def write_bodies():
    body = json.dumps(event(0)).replace("'", "")
    (SCRATCH / "event.lua").write_text(f"wrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/json'\nwrk.body = '{body}'\n")
    (SCRATCH / "events.json").write_text(json.dumps([event(number) for number in range(1_000)]))
    with (SCRATCH / "events.ndjson").open("w") as file:
        file.writelines(json.dumps(event(number)) + "\n" for number in range(LINES))


def write_rows():
    """What COPY reads, with ids as the billing makes them: in the order of time, with the month in the third group."""
    high = int(time.time() * 1000) << 8 | next(rounds) % 256
    with (SCRATCH / "events.csv").open("w") as file:
        for number in range(LINES):
            one = event(number)
            values = [one[name] for name in ("timestamp", "client", "client_group", "valid", "device_type", "category", "value")]
            made = f"{high >> 24 & 0xFFFFFFFF:08x}-{high >> 8 & 0xFFFF:04x}-784b-80{high & 0xFF:02x}-{number:012x}"
            file.write(",".join(map(str, (made, *values))) + "\n")


def curl(kind, source, data=None):
    """Sends a body; a success is JSON."""
    url = f"{system.url('api-gateway')}/api/events"
    command = ["curl", "-fsS", "-m", "1800", "-X", "POST", "-H", f"Content-Type: {kind}", "-T", source, url]
    sender = subprocess.Popen(command, stdin=subprocess.PIPE if data else None, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for part in data or ():
        sender.stdin.write(part)
    output, error = sender.communicate()
    if sender.returncode != 0:
        raise RuntimeError(f"POST events: {error.decode()}{output.decode()}")
    return json.loads(output)


def timed(count, send):
    began = time.perf_counter()
    send()
    return Sample(count, time.perf_counter() - began)


def arrays():
    for _ in range(ARRAYS):
        curl("application/json", SCRATCH / "events.json")


def stream():
    return timed(LINES, lambda: curl("application/x-ndjson", SCRATCH / "events.ndjson"))


def copy():
    return Sample(LINES, database.timed("billing", rf"\copy events.events ({COLUMNS}) FROM '{SCRATCH}/events.csv' (FORMAT csv)"))


def ingest():
    url = f"{system.url('api-gateway')}/api/events"
    pids = system.pids(*PARTS)
    contenders = [
        Contender("psql COPY", copy, system.pids("postgres"), write_rows),
        Contender("gateway, a stream", stream, pids),
        Contender("gateway, arrays of 1,000", lambda: timed(ARRAYS * 1_000, arrays), pids),
        Contender("gateway, one by one, 16 connections", lambda: wrk.load(url, 16, script=SCRATCH / "event.lua"), pids),
    ]
    return Comparison(f"Events, {LINES:,} in a stream", "events", contenders, [Goal("gateway, a stream", "psql COPY", 0.4)]).run()


def long_stream():
    system.restart("billing-app", "api-gateway")
    lines = (SCRATCH / "events.ndjson").read_bytes()
    times = max(STREAM_MB * 1_000_000 // len(lines), 1)
    send = lambda: timed(times * LINES, lambda: curl("application/x-ndjson", "-", itertools.repeat(lines, times)))
    contender = Contender("gateway", send, system.pids(*PARTS), warm=stream)
    contender.warm_up()
    contender.take_sample()
    goal = Goal("gateway", None, PEAK_MB, "peak_mb", at_least=False)
    return Comparison(f"A stream of {STREAM_MB} MB, once", "events", [contender], [goal])


def run():
    database.psql("billing", "TRUNCATE events.events", "SELECT events.add_month('2026-11-01')")
    write_bodies()
    yield ingest()
    yield long_stream()
