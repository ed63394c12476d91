ORDER = {"user_id": "20", "number_of_items": "99", "total_amount": "250"}


def orders() -> int:
    """How many payments are recorded."""
    return int(sql(billing, "orders_db", "SELECT count(*) FROM orders"))


def wait_for_orders(count: int) -> None:
    """Exactly so many in the end: a surplus is an error as well."""
    query = "sudo -i -u postgres psql -d orders_db -At -c 'SELECT count(*) FROM orders'"
    billing.wait_until_succeeds(f"test $({query}) -ge {count}", timeout=60)
    assert orders() == count, f"{orders()} rows instead of {count}"


with subtest("a payment is queued and recorded"):
    call("POST", "/api/billing", {"user_id": "3", "number_of_items": "5", "total_amount": "180"})
    wait_for_orders(1)

with subtest("pm2 stops billing_app, and it stays stopped"):
    billing.succeed("sudo pm2 stop billing_app")
    assert pm2_status(billing, "billing_app") == "stopped"
    billing.sleep(12)  # pm2-runtime without --no-auto-exit would have ended after 8 s and been started again
    assert pm2_status(billing, "billing_app") == "stopped"

with subtest("payments are accepted while it is stopped"):
    for _ in range(3):
        call("POST", "/api/billing", ORDER)
    assert orders() == 1

with subtest("RabbitMQ restarts with the payments in its queue, and the gateway publishes again"):
    pid = gateway.succeed("sudo pm2 pid api_gateway")
    billing.succeed("systemctl restart rabbitmq.service")
    billing.wait_for_unit("rabbitmq.service")
    client.wait_until_succeeds(
        f"curl -fsS -m 10 -H 'content-type: application/json' -d '{json.dumps(ORDER)}' "
        f"-H 'idempotency-key: after-the-restart' {GATEWAY}/api/billing",
        timeout=120,
    )
    assert gateway.succeed("sudo pm2 pid api_gateway") == pid, "the gateway had to be restarted"

with subtest("pm2 starts billing_app, and each payment is recorded once"):
    billing.succeed("sudo pm2 start billing_app")
    wait_for_orders(5)

with subtest("what crashes is started again"):
    billing.succeed("kill -9 $(sudo pm2 pid billing_app)")
    call("POST", "/api/billing", ORDER)
    wait_for_orders(6)

with subtest("users, permissions and policy of the broker"):
    rabbitmqctl = "sudo -u rabbitmq HOME=/var/lib/rabbitmq rabbitmqctl -q"
    users = billing.succeed(f"{rabbitmqctl} list_users --no-table-headers | cut -f1").split()
    assert sorted(users) == sorted(granted["user"] for granted in PERMISSIONS), users
    billing.succeed(f"{rabbitmqctl} list_policies | grep delivery-limit")
    for granted in PERMISSIONS:
        found = billing.succeed(f"{rabbitmqctl} list_user_permissions {granted['user']} --no-table-headers")
        assert found.rstrip("\n").split("\t")[1:] == [granted[right] for right in ("configure", "write", "read")], found

with subtest("a machine that restarts serves again by itself"):
    billing.shutdown()
    billing.start()
    client.wait_until_succeeds(f"curl -fsS {GATEWAY}/health/ready", timeout=180)
    wait_for_orders(6)
