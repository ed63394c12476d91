"""Results as Markdown: for the terminal after each comparison, and of all results that are there in one file."""

import json

from settings import RESULTS


def number(value):
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def with_spread(value):
    return f"{number(value['median'])} ({number(value['low'])} to {number(value['high'])})"


def time(microseconds):
    if microseconds is None:
        return ""
    return f"{number(microseconds)} µs" if microseconds < 1000 else f"{number(microseconds / 1000)} ms"


def row(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def cpu(processes, share):
    costs = {name: (cost["user"] * share, cost["system"] * share) for name, cost in processes.items()}
    return ", ".join(f"{name} {number(user)} + {number(system)}" for name, (user, system) in costs.items())


def memory(processes):
    return ", ".join(f"{name} {number(cost['peak_mb'])}" for name, cost in processes.items())


def contenders(result):
    unit = result["unit"]
    counted, cost, share = (f"{unit} a second", "CPU s for 100,000", 1) if unit else ("ms", "CPU s", 1 / 100_000)
    yield row("", counted, "median", "99 %", f"{cost}, user + system", "peak MB", "failed")
    yield row("---", "---:", "---:", "---:", "---", "---", "---:")
    for one in result["contenders"]:
        yield row(
            one["name"],
            with_spread(one["rate" if unit else "ms"]),
            time(one["median_us"]),
            time(one["late_us"]),
            cpu(one["processes"], share),
            memory(one["processes"]),
            one["failed"],
        )


QUANTITIES = {"rate": "rate", "cpu": "CPU", "peak_mb": "peak MB", "ms": "ms", "late_us": "99th percentile"}


def goals(result):
    if not result["goals"]:
        return
    yield ""
    yield row("", "of", "measured", "goal", "")
    yield row("---", "---", "---:", "---:", "---")
    for goal in result["goals"]:
        what = f"{goal['ours']} / {goal['other']}" if goal["other"] else goal["ours"]
        bound = f"{'≥' if goal['at_least'] else '≤'} {number(goal['bound'])}"
        yield row(what, QUANTITIES[goal["quantity"]], with_spread(goal["value"]), bound, "met" if goal["met"] else "**missed**")


def markdown(result):
    lines = [f"### {result['title']}", "", *contenders(result), *goals(result)]
    lines += [line for note in result["notes"] for line in ("", note)]
    return "\n".join(lines)


def write_markdown(names):
    """One file of every group that has results, in the order of `names`, each with its circumstances."""
    parts = ["# Benchmarks"]
    for name in names:
        file = RESULTS / f"{name}.json"
        if file.exists():
            group = json.loads(file.read_text())
            parts.append(f"## {name}\n\n{group['about']}\n\n{circumstances(group['run'])}")
            parts += [markdown(result) for result in group["results"]]
    (RESULTS / "table.md").write_text("\n\n".join(parts) + "\n")


def circumstances(run):
    versions = ", ".join(run["versions"])
    return (
        f"{run['time']}, commit {run['commit']}, build `{run['profile']}`, {run['cpus']} CPUs ({run['machine']}), "
        f"{run['rounds']} rounds of {run['seconds']} s; {versions}."
    )
