"""Users who buy, and their orders on the way to SHIPPED; users who log in all at once."""

import statistics

import database
import system
from comparison import Comparison, Goal
from contender import Contender, Sample
from settings import SECONDS

USERS = 16
LOGINS = 200
GOAL = 1_000  # orders a second

# Orders that were checked out since a time and are SHIPPED: their number, the seconds from the first checkout to the last end,
# and what the way took.
SHIPPED = """
    SELECT count(*), extract(epoch FROM max(s.at) - min(p.at)),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM s.at - p.at)) * 1e6,
           percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM s.at - p.at)) * 1e6
    FROM orders.order_history s JOIN orders.order_history p USING (order_id)
    WHERE s.status = 'SHIPPED' AND p.status = 'PROCESSING' AND p.at >= '{}'
"""


def processing():
    return -database.value("billing", "SELECT count(*) FROM orders.orders WHERE status = 'PROCESSING'")


def buy(purchases):
    began = database.psql("billing", "SELECT now()").strip()
    purchases.append(system.example("checkouts", USERS, SECONDS))
    system.reach(processing, 0)
    figures = database.psql("billing", SHIPPED.format(began)).strip().split("|")
    return Sample(*(float(figure or 0) for figure in figures))


def log_in(worked):
    """The billing hashes for so many at once and refuses the others for a while, so that not all of them must work."""
    count, rate, median, longest = system.example("logins", LOGINS)
    worked.append(count)
    return Sample(count, count / rate, median, longest)


def shipping():
    purchases = []
    parts = system.pids(*system.SERVICES, "rabbitmq", "postgres")
    contender = Contender("shop", lambda: buy(purchases), parts)
    title = f"From the checkout to SHIPPED, {USERS} users"
    comparison = Comparison(title, "orders", [contender], [Goal("shop", None, GOAL)]).run()
    rate, median, late = (statistics.median(column) for column in zip(*purchases[1:], strict=True))
    comparison.notes.append(f"A purchase, a line and the checkout: {rate:,.0f} a second, median {median:,.0f} µs, 99 % {late:,.0f} µs.")
    return comparison


def logging_in():
    worked = []
    contender = Contender("billing", lambda: log_in(worked), system.pids("billing-app"), lambda: system.service("restart", "billing-app"))
    comparison = Comparison(f"{LOGINS} logins at once", "logins", [contender]).run()
    comparison.notes.append(f"Of {LOGINS} worked {statistics.median(worked[1:]):.0f}; the others got a 503 in time.")
    comparison.notes.append("The times are those of another route meanwhile: its median and its longest.")
    return comparison


def run():
    yield shipping()
    yield logging_in()
