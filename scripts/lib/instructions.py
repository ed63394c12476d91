"""How many instructions the hot paths take, compared with a committed baseline: a figure that a busy machine does not change.

Usage: instructions.py [--update], at the root; run by scripts/test. Builds as instructions.toml says, runs each path under callgrind
with a few and with many repetitions, and divides the difference, so that start and stop do not count. Exits 1 when a path takes more
than a tenth more than instructions.json says; --update writes what was counted there.
"""

import json
import os
import platform
import re
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

BASELINE = Path(__file__).with_suffix(".json")
OPTIMISED = Path(__file__).with_suffix(".toml")
BINARIES = Path(os.environ.get("CARGO_TARGET_DIR") or "target") / "debug"
EXAMPLES = BINARIES / "examples"
GROWTH = 1.10
LIMIT = 300  # seconds, for any step under callgrind

# On one processor, so that the gateway has one thread that serves, as on any machine.
CALLGRIND = ["taskset", "-c", str(min(os.sched_getaffinity(0))), "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]


def build():
    """Of the whole workspace, as in `cargo test --workspace`: with the same features nothing is compiled twice."""
    examples = [word for name in ("parse_payments", "encode_movies", "requests") for word in ("--example", name)]
    build = ["build", "--locked", "--workspace", "--bin", "api-gateway", *examples]
    subprocess.run(["cargo", "--config", OPTIMISED, *build], check=True)


def collected(text):
    found = re.search(r"Collected : (\d+)", text)
    if not found:
        raise RuntimeError(f"callgrind has counted nothing: {text[-2000:]}")
    return int(found[1])


def per_repetition(count, few, many):
    return round((count(many) - count(few)) / (many - few))


def example(name):
    """The instructions of a whole run."""

    def count(repetitions):
        done = subprocess.run([*CALLGRIND, EXAMPLES / name, str(repetitions)], capture_output=True, text=True, timeout=LIMIT, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{name} has failed: {done.stderr[-2000:]}")
        return collected(done.stderr)

    return count


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_listening(server, port):
    until = time.monotonic() + LIMIT
    while server.poll() is None and time.monotonic() < until:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"nothing listens on port {port}")


@contextmanager
def running(command, port, output, environment):
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment)
    try:
        wait_listening(server, port)
        yield
    finally:
        server.terminate()
        try:
            server.wait(LIMIT)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def settings(port, inner, broker):
    here = {"API_GATEWAY_HOST": "127.0.0.1", "INVENTORY_APP_HOST": "127.0.0.1", "AMQP_HOST": "127.0.0.1"}
    ports = {"API_GATEWAY_PORT": port, "INVENTORY_APP_PORT": inner, "BILLING_APP_PORT": 1, "AMQP_PORT": broker}
    return os.environ | here | {name: str(port) for name, port in ports.items()} | {"LOG": "warn"}


def gateway(requests):
    """Before a server that answers 200 bytes. Its broker takes the connection and stays silent: one that refused
    would be tried again several times a second, and the count would depend on the time."""
    port, inner = free_port(), free_port()
    with tempfile.TemporaryFile("w+") as log, socket.create_server(("127.0.0.1", 0)) as broker:
        environment = settings(port, inner, broker.getsockname()[1])
        with (
            running([EXAMPLES / "requests", "serve", str(inner)], inner, subprocess.DEVNULL, environment),
            running([*CALLGRIND, BINARIES / "api-gateway"], port, log, environment),
        ):
            send = [EXAMPLES / "requests", "send", f"127.0.0.1:{port}", str(requests), "/api/movies/1"]
            subprocess.run(send, timeout=LIMIT, check=True)
        log.seek(0)
        return collected(log.read())


# Each with few and many repetitions.
PATHS = {
    "proxy one request": (gateway, 500, 4_500),
    "read one payment": (example("parse_payments"), 1_000, 11_000),
    "encode 100 movies": (example("encode_movies"), 10, 110),
}


def compare(counted, baseline):
    """Prints each path; returns those that have grown too much."""
    grown = []
    for name, instructions in counted.items():
        before = baseline["instructions"][name]
        print(f"{name}: {instructions:,} instructions, {instructions / before - 1:+.1%} to the baseline of {before:,}")
        if instructions > before * GROWTH:
            grown.append(name)
        elif instructions < before / GROWTH:
            print("  that is a tenth less: scripts/lib/instructions.py --update keeps it")
    return grown


def main(update):
    machine = platform.machine()
    baseline = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    if not update and baseline["machine"] != machine:
        print(f"LEFT OUT: the baseline is of {baseline['machine']}, this is {machine}")
        return 0
    build()
    counted = {name: per_repetition(*path) for name, path in PATHS.items()}
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if update:
        BASELINE.write_text(json.dumps({"machine": machine, "rustc": rustc, "instructions": counted}, indent=2) + "\n")
        print(BASELINE.read_text())
        return 0
    grown = compare(counted, baseline)
    if grown:
        print(f"MORE THAN A TENTH GROWN: {', '.join(grown)}. The baseline was made with {baseline['rustc']}; this is {rustc}")
    return bool(grown)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] == ["--update"]))
