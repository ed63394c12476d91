"""What is measured, and one measurement of it with its cost."""

from collections.abc import Callable
from dataclasses import dataclass, field

import process


@dataclass
class Sample:
    """One measurement: how much was done in which time."""

    count: float
    seconds: float
    median_us: float | None = None
    late_us: float | None = None  # the 99th percentile
    failed: int = 0
    costs: dict[str, process.Cost] = field(default_factory=dict)  # of each process
    peaks: dict[str, int] = field(default_factory=dict)

    @property
    def rate(self):
        return self.count / self.seconds

    @property
    def cpu(self):
        """Seconds for 100,000, of all processes together."""
        seconds = sum(cost.user + cost.system for cost in self.costs.values())
        return seconds * 100_000 / self.count

    @property
    def peak_mb(self):
        """Of the largest service; PostgreSQL and RabbitMQ are as large as they are set up to be."""
        return max(peak for name, peak in self.peaks.items() if name not in ("postgres", "rabbitmq")) / 1e6

    @property
    def ms(self):
        return self.seconds * 1000 / self.count


@dataclass
class Contender:
    """What is measured. `processes` names those whose cost counts, by a function: a pid may be another in each round."""

    name: str
    measure: Callable[[], Sample]
    processes: Callable[[], dict[str, int]] = dict
    prepare: Callable[[], object] = lambda: None  # before each measurement, not measured
    warm: Callable[[], object] | None = None  # once; a whole measurement unless told
    samples: list[Sample] = field(default_factory=list)

    def warm_up(self):
        self.prepare()
        (self.warm or self.measure)()

    def take_sample(self):
        self.prepare()
        pids = self.processes()
        for pid in pids.values():
            process.reset_peak(pid)
        before = {name: process.cost(pid) for name, pid in pids.items()}
        sample = self.measure()
        if not sample.count:
            raise RuntimeError(f"{self.name} has done nothing")
        sample.costs |= {name: process.cost(pid).since(before[name]) for name, pid in pids.items()}
        sample.peaks |= {name: process.peak(pid) for name, pid in pids.items()}
        self.samples.append(sample)
