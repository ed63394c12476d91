"""GET one movie: at the inventory, beside PostgreSQL with the same select; through the gateway, beside nginx before the same
inventory."""

import os

import database
import servers
import system
import tables
import wrk
from comparison import Comparison, Goal
from contender import Contender

AT_DATABASE = 32  # connections
THROUGH = 64

SELECT = "SELECT movies.id, movies.title, movies.description FROM movies WHERE movies.id = :id\n"


def contender(name, base, connections, *parts, more=None):
    url = f"{base}/api/movies/1"
    return Contender(
        name,
        lambda: wrk.load(url, connections),
        lambda: system.pids(*parts)() | (more or {}),
        warm=lambda: wrk.load(url, connections, 1),
    )


def at_inventory():
    ours = contender("inventory", system.url("inventory-app"), AT_DATABASE, "inventory-app", "postgres")
    plain = Contender(
        "pgbench -M prepared",
        lambda: database.pgbench("inventory", f"\\set id 1\n{SELECT}", AT_DATABASE),
        system.pids("postgres"),
    )
    title = f"GET one movie at the inventory, {AT_DATABASE} connections"
    notes = ["For pgbench the median column is its mean."]
    return Comparison(title, "requests", [plain, ours], [Goal(ours.name, plain.name, 0.7)], notes).run()


def through_gateway():
    port = servers.free_port()
    with servers.nginx_before("nginx-inventory", port, os.environ["INVENTORY_APP_PORT"]) as pid:
        ours = contender("gateway", system.url("api-gateway"), THROUGH, "api-gateway", "inventory-app", "postgres")
        other = contender("nginx", f"http://127.0.0.1:{port}", THROUGH, "inventory-app", "postgres", more={"nginx": pid})
        title = f"GET one movie before the same inventory, {THROUGH} connections"
        return Comparison(title, "requests", [other, ours], [Goal(ours.name, other.name, 1.0)]).run()


def run():
    tables.fill_movies(1_000)
    yield at_inventory()
    yield through_gateway()
