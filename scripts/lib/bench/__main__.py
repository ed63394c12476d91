"""The measurements of scripts/bench: `python3 scripts/lib/bench GROUP...`. Each group is a module with `run()`, which yields comparisons.

Writes target/bench/GROUP.json, and target/bench/table.md of all groups that have results. A group that cannot be measured does
not end the others; the exit status is 1 then, and also when an answer was wrong.
"""

import importlib
import json
import os
import platform
import signal
import subprocess
import sys
import time
import traceback

import table
from settings import POSTGRES, PROFILE, RESULTS, ROOT, ROUNDS, SECONDS

# In the order of the table; scripts/bench says which of them need the system.
GROUPS = ["proxy", "start", "movies", "lists", "payments", "drain", "shop", "events", "locations", "reports", "memory", "recovery", "growth"]


def first_line(command):
    """What a program says of its version."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).partition("\n")[0].strip()


def circumstances():
    return {
        "time": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "commit": first_line(["git", "-C", ROOT, "describe", "--always", "--dirty"]),
        "profile": PROFILE,
        "cpus": len(os.sched_getaffinity(0)),
        "machine": cpu_model(),
        "rounds": ROUNDS,
        "seconds": SECONDS,
        "versions": [
            first_line(command)
            for command in (["nginx", "-v"], ["haproxy", "-v"], [POSTGRES / "postgres", "--version"], ["rustc", "--version"])
        ],
    }


def cpu_model():
    with open("/proc/cpuinfo") as lines:
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def measure(name, group, run):
    """Runs a group; returns how many of its answers were wrong."""
    results = []
    for comparison in group.run():
        results.append(comparison.result())
        print(f"\n{table.markdown(results[-1])}", flush=True)
        content = {"group": name, "about": group.__doc__.strip(), "run": run, "results": results}
        (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
    return sum(contender["failed"] for result in results for contender in result["contenders"])


def main(names):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # servers are ended on the way out
    RESULTS.mkdir(parents=True, exist_ok=True)
    run, problems = circumstances(), []
    # Read whole before anything runs, as scripts/bench is.
    for name, group in [(name, importlib.import_module(name)) for name in names]:
        try:
            failed = measure(name, group, run)
            if failed:
                problems.append(f"{name}: {failed} requests have failed")
        except Exception as error:  # whatever it is, the other groups are measured
            traceback.print_exc()
            problems.append(f"{name}: {error}")
        table.write_markdown(GROUPS)
    print(f"\nresults: {RESULTS}/table.md")
    for problem in problems:
        print(f"FAILED: {problem}", file=sys.stderr)
    return bool(problems)


sys.exit(main(sys.argv[1:] or GROUPS))
