"""Each service from its start to ready, with migrations done, beside servers that run."""

import http.client
import os
import subprocess
import time
import urllib.parse

import servers
import system
from comparison import Comparison, Goal
from contender import Contender, Sample
from settings import ALLOCATION, BINARIES, SCRATCH

LIMIT_MS = 150


def ready(address):
    """Whether the service says so itself."""
    connection = http.client.HTTPConnection(address, timeout=2)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def start_and_end(name):
    address = urllib.parse.urlsplit(system.url(name)).netloc
    with (SCRATCH / f"start-{name}.log").open("w") as log:
        began = time.perf_counter()
        service = subprocess.Popen([BINARIES / name], env=os.environ | ALLOCATION, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            while not ready(address):
                if service.poll() is not None or time.perf_counter() - began > 60:
                    raise RuntimeError(f"{name} does not get ready")
                time.sleep(0.001)
            took = time.perf_counter() - began
        finally:
            servers.end(service)
    return Sample(1, took)


def run():
    for name in system.SERVICES:
        system.service("stop", name)
        try:
            contender = Contender(name, lambda name=name: start_and_end(name))
            goal = Goal(name, None, LIMIT_MS, "ms", at_least=False)
            yield Comparison(f"Start of {name} to ready", None, [contender], [goal]).run()
        finally:
            system.service("start", name)
