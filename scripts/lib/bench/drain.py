"""Payments that wait in the queue until they are in PostgreSQL, beside a plain client that inserts as many rows, 500 in a statement."""

import database
import process
import system
from comparison import Comparison, Goal
from contender import Contender, Sample
from settings import PAYMENTS


def queue_payments():
    system.service("stop", "billing-app")
    count = system.example("publish", "payments", 900, PAYMENTS, limit=960)[0]
    if count != PAYMENTS:
        raise RuntimeError(f"{count} of {PAYMENTS} payments were queued")


def drain():
    """From the first transaction to the last: the start of the service is not counted."""
    before = database.value("billing", "SELECT max(id) FROM orders")
    system.service("start", "billing-app")
    system.reach(lambda: system.consumed("billing-app", "billing_queue"), PAYMENTS)
    took = f"SELECT extract(epoch FROM max(recorded_at) - min(recorded_at)) FROM orders WHERE id > {before:.0f}"
    billing = system.pid("billing-app")
    return Sample(
        PAYMENTS,
        max(database.value("billing", took), 0.001),
        costs={"billing-app": process.cost(billing)},
        peaks={"billing-app": process.peak(billing)},
    )


def insert():
    count, seconds = system.example("inserts", PAYMENTS)
    return Sample(count, seconds)


def run():
    try:
        plain = Contender("UNNEST inserts of 500", insert, system.pids("postgres"), warm=lambda: system.example("inserts", 5_000))
        ours = Contender("billing", drain, system.pids("rabbitmq", "postgres"), queue_payments)
        title = f"{PAYMENTS:,} queued payments into PostgreSQL"
        yield Comparison(title, "rows", [plain, ours], [Goal(ours.name, plain.name, 0.6)]).run()
    finally:
        system.service("start", "billing-app")
