"""Users who buy, and their orders on the way to SHIPPED; users who log in all at once."""

import statistics

import database
import system
from comparison import Comparison, Contender, Goal, Sample
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


def log_in():
    worked, rate, median, longest = system.example("logins", LOGINS)
    return Sample(worked, worked / rate, median, longest, failed=int(LOGINS - worked))


def run():
    purchases = []
    contender = Contender("shop", lambda: buy(purchases), system.pids("api-gateway", "billing-app", "inventory-app", "rabbitmq", "postgres"))
    title = f"From the checkout to SHIPPED, {USERS} users"
    comparison = Comparison(title, "orders", [contender], [Goal("shop", None, GOAL)]).run()
    rate, median, late = (statistics.median(column) for column in zip(*purchases[1:], strict=True))
    comparison.notes.append(f"A purchase, a line and the checkout: {rate:,.0f} a second, median {median:,.0f} µs, 99 % {late:,.0f} µs.")
    yield comparison
    logins = Contender("billing", log_in, system.pids("billing-app"), lambda: system.service("restart", "billing-app"))
    notes = ["The times are those of another route meanwhile: its median and its longest."]
    yield Comparison(f"{LOGINS} logins at once", "logins", [logins], notes=notes).run()
