"""The running system: where its parts are, what they say of themselves, and how they are stopped and started."""

import json
import os
import re
import subprocess
import time
import urllib.request

from settings import CLIENTS, DATA, ROOT

SERVICES = ("api-gateway", "inventory-app", "billing-app")


def url(service):
    prefix = service.upper().replace("-", "_")
    return f"http://{os.environ[f'{prefix}_HOST']}:{os.environ[f'{prefix}_PORT']}"


def pid(part):
    return int((DATA / "run" / f"{part}.pid").read_text())


def pids(*parts):
    """For a contender: asked anew in each round, because a part may have been restarted."""
    return lambda: {part: pid(part) for part in parts}


def service(verb, part):
    """scripts/service; a start returns when the part is ready."""
    done = subprocess.run([ROOT / "scripts/service", verb, part], capture_output=True, text=True, timeout=180, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"scripts/service {verb} {part}: {done.stdout}{done.stderr}")


def restart(*services):
    """For a peak of memory that nothing before has raised."""
    for name in services:
        service("restart", name)


def call(path, body=None, method=None, service="api-gateway"):
    """What a route answers; anything but a success is an error."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url(service) + path, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read() or "null")


def metric(service, name, label=""):
    """A number from /metrics; 0 while it has no value."""
    with urllib.request.urlopen(f"{url(service)}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    lines = re.findall(rf"^{name}\{{([^}}]*)\}} ([\d.e+]+)$", text, re.MULTILINE)
    return sum(float(number) for labels, number in lines if label in labels)


def consumed(service, queue):
    return metric(service, "broker_consumed_total", f'queue="{queue}"')


def settle(counter, limit=600, calm=1.0):
    """Waits until a counter stands still; returns it."""
    last, since, until = counter(), time.monotonic(), time.monotonic() + limit
    while time.monotonic() < until:
        time.sleep(calm / 5)
        now = counter()
        if now != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since >= calm:
            return last
    raise RuntimeError(f"a counter does not come to rest within {limit} s: {last}")


def reach(counter, goal, limit=600):
    """Waits until a counter has reached a goal."""
    until = time.monotonic() + limit
    while (now := counter()) < goal:
        if time.monotonic() > until:
            raise RuntimeError(f"a counter is at {now} after {limit} s, expected {goal}")
        time.sleep(0.05)


def example(name, *arguments, limit=600):
    """The words that a client of crates/testing/examples prints."""
    environment = os.environ | {"GATEWAY": url("api-gateway"), "BILLING": url("billing-app")}
    command = [str(CLIENTS / name), *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=limit, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{name} has failed: {done.stderr[-2000:]}")
    return [float(word) for word in done.stdout.split()]
