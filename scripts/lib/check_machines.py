"""What the table of machines (nix/machines.json) promises, compared with all who use it.

Usage: check_machines.py ROOT VALUES, where VALUES is what the Vagrantfile reads: {"file": .env, "public": what Nix gets to know}.
Prints each contradiction in a line; exits 1 when there is one.
"""

import json
import re
import sys
from pathlib import Path

root, values_file = map(Path, sys.argv[1:])
table = json.loads((root / "nix/machines.json").read_text())
machines = table["machines"]
in_file, public = (json.loads(values_file.read_text())[part] for part in ("file", "public"))
problems: list[str] = []


def expect(condition, text):
    if not condition:
        problems.append(text)


def read_by(service):
    """The variables of .env that a service names in its settings, or whose beginning it names (`impl Prefix`)."""
    settings = (root / "crates" / service / "src/config.rs").read_text()
    fields = {field.upper() for field in re.findall(r"#\[arg\([^\]]*\benv\b[^\]]*\)\]\s*(?:pub )?(\w+):", settings)}
    prefixes = tuple(f"{prefix}_" for prefix in re.findall(r'PREFIX: &\'static str = "(\w+)"', settings))
    return [name for name in in_file if name in fields or (prefixes and name.startswith(prefixes))]


values = in_file | {name: in_file.get(named, named) for name, named in table["environment"].items()}
secrets = set(table["secrets"])

for name in [name for name in in_file if not name.endswith("_FILE")]:
    expect((re.search("PASSWORD|TOKEN|SECRET", name) is not None) == (name in secrets), f"{name}: is it a secret? .env and the table differ")
for name in [*table["environment"], *secrets, *table["may_be_empty"]]:
    expect(name in in_file, f"{name}: in the table, not in .env")

ecosystem = {app["name"]: app for app in json.loads((root / "nix/pm2/ecosystem.json").read_text())["apps"]}
expect(set(ecosystem) == {machine["pm2"] for machine in machines.values()}, "ecosystem.json has other names than the table")
allocation = dict(re.findall(r"^ALLOCATION=(\w+)=(\w+)$", (root / "scripts/lib/services.sh").read_text(), re.MULTILINE))
for name, app in ecosystem.items():
    expect(allocation and app.get("env") == allocation, f"ecosystem.json gives {name} another environment than scripts/lib/services.sh")

for name, machine in machines.items():
    service = machine["service"]
    script = ecosystem.get(machine["pm2"], {}).get("script")
    expect(script == service, f"{name}: as {machine['pm2']} pm2 runs {script}, not {service}")
    for variable in read_by(service):
        expect(variable in machine["variables"], f"{name}: {service} reads {variable}, which the machine does not get")
    for variable in [machine["address"], *machine["variables"]]:
        expect(variable in in_file, f"{name}: {variable} is not in .env")
    for offer in machine["offers"]:
        expect(offer["port"] in machine["variables"], f"{name}: offers {offer['port']}, which it does not know")
        expect(set(offer["to"]) <= {"anyone", *machines}, f"{name}: offers {offer['port']} to nobody known")

needed = {variable for machine in machines.values() for variable in [machine["address"], *machine["variables"]]} - secrets
expect(public == {name: values.get(name) for name in needed}, "nix/environment.json: more, less or other values than the machines need, or a secret")

print("\n".join(problems) or "the table, .env, pm2 and Nix agree")
sys.exit(bool(problems))
