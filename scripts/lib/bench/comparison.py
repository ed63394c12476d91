"""Contenders that are measured in turn, A B A B, so that a slow minute of the machine hits all of them.

What is reported is the median of the rounds with the lowest and the highest. A ratio is taken in each round, between
neighbours in time; its median is judged by the goal.
"""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

import process
from settings import ROUNDS


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


@dataclass
class Goal:
    """What `ours` must reach: a ratio to another contender, or a value where there is no other."""

    ours: str
    other: str | None
    bound: float
    quantity: str = "rate"  # a number of a sample
    at_least: bool = True


def spread(values):
    values = list(values)
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


@dataclass
class Comparison:
    """One row of the goals. `unit` is what is counted; none where one thing is timed."""

    title: str
    unit: str | None
    contenders: list[Contender]
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def run(self):
        for contender in self.contenders:
            contender.warm_up()
        for _ in range(ROUNDS):
            for contender in self.contenders:
                contender.take_sample()
        return self

    def run_in_order(self):
        """One contender after the other, where each needs other tables."""
        for contender in self.contenders:
            contender.warm_up()
            for _ in range(ROUNDS):
                contender.take_sample()
        return self

    def result(self):
        return {
            "title": self.title,
            "unit": self.unit,
            "contenders": [figures(contender) for contender in self.contenders],
            "goals": [self.judged(goal) for goal in self.goals],
            "notes": self.notes,
        }

    def judged(self, goal):
        samples = {contender.name: contender.samples for contender in self.contenders}
        values = [getattr(sample, goal.quantity) for sample in samples[goal.ours]]
        if goal.other:
            others = [getattr(sample, goal.quantity) for sample in samples[goal.other]]
            # Where a process was too short on the CPU to be counted, there is no ratio.
            values = [ours / other if other else float("nan") for ours, other in zip(values, others, strict=True)]
        value = spread(values)
        met = value["median"] >= goal.bound if goal.at_least else value["median"] <= goal.bound
        return vars(goal) | {"value": value, "met": met}


def figures(contender):
    samples = contender.samples
    timed = [sample for sample in samples if sample.median_us is not None]
    return {
        "name": contender.name,
        "rate": spread(sample.rate for sample in samples),
        "ms": spread(sample.ms for sample in samples),
        "median_us": statistics.median(sample.median_us for sample in timed) if timed else None,
        "late_us": statistics.median(sample.late_us for sample in timed) if timed else None,
        "failed": sum(sample.failed for sample in samples),
        "processes": {name: process_figures(name, samples) for name in samples[0].costs},
        "samples": [{"count": sample.count, "seconds": sample.seconds} for sample in samples],
    }


def process_figures(name, samples):
    """CPU seconds for 100,000, and the highest peak of all rounds."""
    return {
        "user": statistics.median(sample.costs[name].user * 100_000 / sample.count for sample in samples),
        "system": statistics.median(sample.costs[name].system * 100_000 / sample.count for sample in samples),
        "peak_mb": max(sample.peaks[name] for sample in samples) / 1e6,
    }
