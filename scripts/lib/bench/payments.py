"""POST payment, answered once the broker has confirmed it, beside a raw publisher to the same queue. The billing records meanwhile;
each measurement begins when it has recorded all of the one before."""

import statistics
from pathlib import Path

import system
import wrk
from comparison import Comparison, Goal
from contender import Contender, Sample
from settings import SECONDS

CONNECTIONS = 64
SCRIPT = Path(__file__).parent / "payment.lua"
BEHIND = ("rabbitmq", "billing-app", "postgres")


def recorded():
    return system.consumed("billing-app", "billing_queue")


def wait_recorded():
    system.settle(recorded)


def post(connections=CONNECTIONS):
    return wrk.load(f"{system.url('api-gateway')}/api/billing", connections, script=SCRIPT)


def publish():
    count, seconds, median, late = system.example("publish", "payments", SECONDS)
    return Sample(count, seconds, median, late)


def counted(measure, rates):
    """Notes how many payments were recorded a second while it ran."""

    def run():
        before = recorded()
        sample = measure()
        rates.append((recorded() - before) / sample.seconds)
        return sample

    return run


def run():
    ours, plain = [], []
    contenders = [
        Contender("raw publisher", counted(publish, plain), system.pids(*BEHIND), wait_recorded),
        Contender("gateway", counted(post, ours), system.pids("api-gateway", *BEHIND), wait_recorded),
    ]
    title = f"POST payment, confirmed, {CONNECTIONS} in flight"
    comparison = Comparison(title, "payments", contenders, [Goal("gateway", "raw publisher", 0.6)]).run()
    wait_recorded()
    for name, rates in (("gateway", ours), ("raw publisher", plain)):
        comparison.notes.append(f"Recorded meanwhile, {name}: {statistics.median(rates[1:]):,.0f} a second.")
    yield comparison
