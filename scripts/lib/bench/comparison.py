"""Contenders that are measured in turn, A B A B, so that a slow minute of the machine hits all of them.

What is reported is the median of the rounds with the lowest and the highest. A ratio is taken in each round, between
neighbours in time; its median is judged by the goal.
"""

import statistics
from dataclasses import dataclass, field

from contender import Contender
from settings import ROUNDS


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
    return {
        "name": contender.name,
        "rate": spread(sample.rate for sample in samples),
        "ms": spread(sample.ms for sample in samples),
        "median_us": median_time(sample.median_us for sample in samples),
        "late_us": median_time(sample.late_us for sample in samples),
        "failed": sum(sample.failed for sample in samples),
        "processes": {name: process_figures(name, samples) for name in samples[0].costs},
        "samples": [{"count": sample.count, "seconds": sample.seconds} for sample in samples],
    }


def median_time(times):
    """Not every contender tells what one took."""
    known = [time for time in times if time is not None]
    return statistics.median(known) if known else None


def process_figures(name, samples):
    """CPU seconds for 100,000, and the highest peak of all rounds."""
    return {
        "user": statistics.median(sample.costs[name].user * 100_000 / sample.count for sample in samples),
        "system": statistics.median(sample.costs[name].system * 100_000 / sample.count for sample in samples),
        "peak_mb": max(sample.peaks[name] for sample in samples) / 1e6,
    }
