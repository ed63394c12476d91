# Every test begins with this: the machines are up, the gateway says that all behind it is ready.
import json
from typing import Any

start_all()
for machine, unit in ((gateway, "api-gateway"), (inventory, "inventory-app"), (billing, "billing-app")):
    machine.wait_for_unit(f"{unit}.service")
client.wait_until_succeeds(f"curl -fsS {GATEWAY}/health/ready", timeout=180)


def call(method: str, path: str, body: Any = None, expected: int = 200) -> Any:
    """One request from outside, through the gateway; its answer, parsed."""
    data = "" if body is None else f"-H 'content-type: application/json' -d '{json.dumps(body)}'"
    answer = client.succeed(f"curl -sS -m 10 -X {method} -w '\\n%{{http_code}}' {data} {GATEWAY}{path}")
    text, status = answer.rsplit("\n", 1)
    assert int(status) == expected, f"{method} {path}: {status} instead of {expected}: {text}"
    return json.loads(text) if text else None


def sql(machine: Any, database: str, query: str) -> str:
    """As the audit does it: as the superuser of the machine, without a password."""
    answer: str = machine.succeed(f"sudo -i -u postgres psql -d {database} -At -c '{query}'")
    return answer.strip()


def pm2_status(machine: Any, name: str) -> str:
    """What root's pm2 on the machine says of a service."""
    for process in json.loads(machine.succeed("sudo pm2 jlist")):
        if process["name"] == name:
            status: str = process["pm2_env"]["status"]
            return status
    raise AssertionError(f"pm2 does not know {name}")
