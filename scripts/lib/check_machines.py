"""What the table of machines (nix/machines.json) promises, compared with all who use it.

Usage: check_machines.py ROOT FACTS TEXTS, where FACTS is what Nix says (nix/tests/facts.nix) and TEXTS what the Vagrantfile
would write: {machine: text} and {"public": text}. Prints each contradiction in a line; exits 1 when there is one.
"""

import json
import re
import sys
from pathlib import Path

root, facts_file, texts_file = map(Path, sys.argv[1:])
table = json.loads((root / "nix/machines.json").read_text())
machines = table["machines"]
facts = json.loads(facts_file.read_text())
texts = json.loads(texts_file.read_text())
problems: list[str] = []


def expect(condition, text):
    if not condition:
        problems.append(text)


def parse(text):
    """NAME=value lines with or without quotes, as all readers of .env take them; the first of two wins.

    With NAME_FILE=path there is a NAME as well: what that file holds.
    """
    values = {}
    for line in text.splitlines():
        match = re.fullmatch(r"""\s*(?:export\s+)?(\w+)=(?:'([^']*)'|"([^"$\\]*)"|([^\s#'"]*))(?:\s+#.*)?\s*""", line)
        if match:
            values.setdefault(match[1], next((part for part in match.groups()[1:] if part is not None), ""))
    for name in [name for name in values if name.endswith("_FILE")]:
        values[name.removesuffix("_FILE")] = Path(values[name]).read_text().rstrip("\n")
    return values


def differing(one, other):
    """The names, as the values may be secret."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def read_by(service):
    """The variables of .env that a service names in its settings, or whose beginning it names (`impl Prefix`)."""
    settings = (root / "crates" / service / "src/config.rs").read_text()
    fields = {field.upper() for field in re.findall(r"#\[arg\([^\]]*\benv\b[^\]]*\)\]\s*(?:pub )?(\w+):", settings)}
    prefixes = tuple(f"{prefix}_" for prefix in re.findall(r'PREFIX: &\'static str = "(\w+)"', settings))
    return [name for name in in_file if name in fields or (prefixes and name.startswith(prefixes))]


in_file = parse((root / ".env").read_text())
values = in_file | {name: in_file.get(named, named) for name, named in table["environment"].items()}
secrets = set(table["secrets"])

for name in [name for name in in_file if not name.endswith("_FILE")]:
    expect((re.search("PASSWORD|TOKEN|SECRET", name) is not None) == (name in secrets), f"{name}: is it a secret? .env and the table differ")
for name in [*table["environment"], *secrets, *table["may_be_empty"]]:
    expect(name in in_file, f"{name}: in the table, not in .env")

ecosystem = {app["name"]: app for app in json.loads((root / "nix/pm2/ecosystem.json").read_text())["apps"]}
expect(set(ecosystem) == {machine["pm2"] for machine in machines.values()}, "ecosystem.json has other names than the table")

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
    expected = {variable: values.get(variable) for variable in machine["variables"]}
    wrong = differing(parse(texts[name]), expected)
    expect(not wrong, f"{name}: the Vagrantfile writes other values than .env has: {wrong}")

public = {name: value for name, value in values.items() if name not in secrets}
expect(facts["environment"] == public, f"nix/environment.nix has other values than .env: {differing(facts['environment'], public)}")
expect(parse(texts["public"]).items() <= public.items(), "the Vagrantfile tells Nix a secret or a wrong value")
needed = {variable for machine in machines.values() for variable in [machine["address"], *machine["variables"]]} - secrets
expect(set(parse(texts["public"])) == needed, "the Vagrantfile tells Nix more or less than the machines know")

print("\n".join(problems) or "the table, .env, pm2, Nix and the Vagrantfile agree")
sys.exit(bool(problems))
