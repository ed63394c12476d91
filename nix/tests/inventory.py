with subtest("movies are made, found, changed and deleted through the gateway"):
    made = call("POST", "/api/movies", {"title": "A new movie", "description": "Very short description"})
    assert made["title"] == "A new movie", made
    assert call("GET", "/api/movies") == [made]
    assert call("GET", "/api/movies?title=new") == [made]
    changed = call("PUT", f"/api/movies/{made['id']}", {"title": "Another title", "description": "The same movie"})
    assert sql(inventory, "movies_db", "SELECT title FROM movies") == "Another title"
    assert call("GET", f"/api/movies/{made['id']}") == changed
    assert call("DELETE", f"/api/movies/{made['id']}") == {"deleted": 1}
    assert call("GET", "/api/movies") == []

with subtest("the role owns its database and may nothing else"):
    made_by_us = "oid > 16383"  # below are those of initdb
    rights = f"SELECT count(*), bool_or(rolsuper OR rolcreatedb OR rolcreaterole) FROM pg_roles WHERE {made_by_us}"
    assert sql(inventory, "postgres", rights) == "1|f"

with subtest("each service runs under pm2 as a user of its own"):
    for machine, name, user in (
        (gateway, "api_gateway", "api-gateway"),
        (inventory, "inventory_app", "inventory-app"),
        (billing, "billing_app", "billing-app"),
    ):
        assert pm2_status(machine, name) == "online"
        assert machine.succeed(f"ps -o user:32= -p $(sudo pm2 pid {name})").strip() == user

with subtest("pm2 answers as soon as its unit is active, and belongs to the unit"):
    inventory.succeed("systemctl restart inventory-app")
    json.loads(inventory.succeed("sudo pm2 jlist"))  # a pm2 that had to be started says so before the list
    for verb in ("kill", "update"):
        inventory.fail(f"sudo pm2 {verb}")

with subtest("what pm2 keeps of the output is rotated"):
    log = "/var/lib/inventory-app/pm2/logs/inventory-app-out.log"
    inventory.succeed(f"sudo -u inventory-app sh -c 'head -c 11M /dev/zero >>{log}'")
    inventory.succeed("systemctl start logrotate.service")
    inventory.succeed(f"test -s {log}.1 && test $(stat -c %s {log}) -lt 1000000")

with subtest("a machine offers what the table says, and only to whom it says"):
    for offer in (INVENTORY, BILLING, AMQP):
        gateway.succeed(f"nc -z -w 3 {offer}")
        client.fail(f"nc -z -w 3 {offer}")
    for address in (INVENTORY.split()[0], BILLING.split()[0]):
        gateway.fail(f"nc -z -w 3 {address} 5432")
    inventory.succeed(f"nc -z -w 3 {AMQP}")
    inventory.fail(f"nc -z -w 3 {BILLING}")
    billing.succeed(f"nc -z -w 3 {INVENTORY}")

with subtest("a missing variable is named in the log, and pm2 waits longer each time"):
    inventory.succeed("sed -i.kept /MOVIES_DB_PASSWORD/d /etc/crud-master/env")
    inventory.succeed("systemctl restart inventory-app")
    inventory.wait_until_succeeds("journalctl -u inventory-app | grep 'not set.*MOVIES_DB_PASSWORD'")
    inventory.wait_until_succeeds("journalctl -u inventory-app | grep 'will restart in 150ms'")
    inventory.succeed("mv /etc/crud-master/env.kept /etc/crud-master/env")
    inventory.succeed("systemctl restart inventory-app")
    client.wait_until_succeeds(f"curl -fsS {GATEWAY}/health/ready")
