"""Load by wrk: as many connections as told, each with one request at a time."""

import re
import subprocess

from contender import Sample
from settings import SECONDS

UNITS = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000}


def load(url, connections, seconds=SECONDS, script=None):
    """Runs wrk and returns what it has measured."""
    command = ["wrk", "-t", str(min(2, connections)), "-c", str(connections), "-d", f"{seconds}s", "--latency"]
    command += ["-s", str(script)] if script else []
    done = subprocess.run([*command, url], capture_output=True, text=True, timeout=seconds + 60, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"wrk has failed: {done.stdout}{done.stderr}")
    return figures(done.stdout)


def figures(text):
    requests, seconds, unit = re.search(r"(\d+) requests in ([\d.]+)(\w+)", text).groups()
    return Sample(
        count=int(requests),
        seconds=float(seconds) * UNITS[unit] / 1e6,
        median_us=percentile(text, 50),
        late_us=percentile(text, 99),
        failed=failures(text),
    )


def percentile(text, percent):
    value, unit = re.search(rf"^\s*{percent}%\s+([\d.]+)(\w+)", text, re.MULTILINE).groups()
    return float(value) * UNITS[unit]


def failures(text):
    """Answers that are no success, and connections that broke or were late."""
    answers = sum(int(count) for count in re.findall(r"Non-2xx or 3xx responses: (\d+)", text))
    sockets = re.findall(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    return answers + sum(int(count) for counts in sockets for count in counts)
