"""From the moment at which the port of a restarted RabbitMQ is open until the gateway takes a payment."""

import os
import socket
import subprocess
import time
import urllib.error

import system
from comparison import Comparison
from contender import Contender, Sample
from settings import ROOT

PAYMENT = {"user_id": "3", "number_of_items": "5", "total_amount": "180"}
LIMIT = 120


def port_open():
    with socket.socket() as one:
        return one.connect_ex((os.environ["AMQP_HOST"], int(os.environ["AMQP_PORT"]))) == 0


def wait(condition, until):
    while not condition():
        if time.monotonic() > until:
            raise RuntimeError(f"the gateway takes no payment within {LIMIT} s of the restart")
        time.sleep(0.01)


def taken():
    try:
        return system.call("/api/billing", PAYMENT)["status"] == "queued"
    except urllib.error.HTTPError:
        return False


def restart():
    until = time.monotonic() + LIMIT
    restarting = subprocess.Popen([ROOT / "scripts/service", "restart", "rabbitmq"], stdout=subprocess.DEVNULL)
    try:
        wait(lambda: not port_open(), until)
        wait(port_open, until)
        began = time.perf_counter()
        wait(taken, until)
        took = time.perf_counter() - began
    finally:
        restarting.wait(180)
    return Sample(1, took)


def run():
    contender = Contender("gateway", restart, warm=lambda: None)
    yield Comparison("The first payment after RabbitMQ's return", None, [contender]).run()
