"""PostgreSQL as its own clients see it: psql and pgbench, in the databases of the services."""

import os
import re
import subprocess

from contender import Sample
from settings import POSTGRES, SCRATCH, SECONDS

PREFIXES = {"inventory": "MOVIES_DB", "billing": "ORDERS_DB"}


def environment(service):
    """How psql and pgbench find the database; the password is not among the arguments."""
    prefix = PREFIXES[service]
    names = {"PGHOST": "HOST", "PGPORT": "PORT", "PGDATABASE": "NAME", "PGUSER": "USER", "PGPASSWORD": "PASSWORD"}
    return os.environ | {name: os.environ[f"{prefix}_{suffix}"] for name, suffix in names.items()}


def run(service, command, limit=1800):
    done = subprocess.run(command, env=environment(service), capture_output=True, text=True, timeout=limit, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0].name} has failed: {done.stderr[-2000:]}")
    return done.stdout


def psql(service, *statements):
    """Each a statement of its own, or a command of psql; returns what they print."""
    words = [word for statement in statements for word in ("-c", statement)]
    return run(service, [POSTGRES / "psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", *words])


def value(service, query):
    """One number."""
    return float(psql(service, query).strip() or 0)


def timed(service, *statements):
    """Seconds of the last statement, as psql measures it: without the login."""
    output = psql(service, r"\timing on", *statements)
    return float(re.findall(r"Time: ([\d.]+) ms", output)[-1]) / 1000


def pgbench(service, script, clients):
    """Prepared statements, one transaction each; see pgbench's -M prepared."""
    file = SCRATCH / "pgbench.sql"
    file.write_text(script)
    command = [POSTGRES / "pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(SECONDS), "-f", str(file)]
    output = run(service, command)
    count = int(re.search(r"transactions actually processed: (\d+)", output)[1])
    if not count:
        raise RuntimeError(f"pgbench has done nothing in {SECONDS} s")
    failed = re.search(r"failed transactions: (\d+)", output)
    rate = float(re.search(r"tps = ([\d.]+)", output)[1])
    latency = float(re.search(r"latency average = ([\d.]+) ms", output)[1])
    # pgbench tells the mean: it stands where others have their median.
    return Sample(count, count / rate, median_us=latency * 1000, late_us=None, failed=int(failed[1]) if failed else 0)
