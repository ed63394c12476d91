"""What processes cost: CPU seconds and peak memory, as the kernel counts them in /proc.

A process is counted with its children, those that have ended included: workers of nginx, backends of PostgreSQL.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Cost:
    """Seconds on the CPU."""

    user: float
    system: float

    def since(self, before):
        return Cost(self.user - before.user, self.system - before.system)


def stat(pid):
    """The fields of /proc/PID/stat from the state on: the name before them may hold spaces."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def tree(root):
    """A process and its descendants."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parents[int(folder.name)] = int(stat(folder.name)[1])
    if root not in parents:
        raise RuntimeError(f"the process {root} has ended while it was measured")
    found, new = {root}, {root}
    while new:
        new = {pid for pid, parent in parents.items() if parent in new} - found
        found |= new
    return found


def cost(root):
    user = system = 0
    for pid in tree(root):
        with suppress(OSError):
            fields = stat(pid)
            user += int(fields[11]) + int(fields[13])
            system += int(fields[12]) + int(fields[14])
    return Cost(user / TICKS, system / TICKS)


def reset_peak(root):
    """From here on the peak is counted anew."""
    for pid in tree(root):
        with suppress(OSError):
            Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak(root):
    """In bytes. Pages that the processes of a tree share are counted once, as far as /proc tells them apart."""
    own, shared = 0, 0
    for pid in tree(root):
        with suppress(OSError):
            status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            kib = {name: int(status[name].split()[0]) for name in ("VmHWM", "RssFile", "RssShmem") if name in status}
            if len(kib) == 3:
                both = kib["RssFile"] + kib["RssShmem"]
                own += max(kib["VmHWM"] - both, 0)
                shared = max(shared, both)
    return (own + shared) * 1024


def resident(root):
    """What one process has in memory now, in bytes."""
    return int(Path(f"/proc/{root}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
