"""What nix/machines.json says of a machine, with the values of .env, which are in the environment: for scripts/machines.

    machines_table.py names           the machines, one a line
    machines_table.py address NAME    its address
    machines_table.py env NAME        its environment file, as on the NixOS machines
    machines_table.py facts NAME      what runs on it, as variables MACHINE_...
    machines_table.py firewall NAME   who is let in where, for iptables-restore
    machines_table.py hosts           the lines of /etc/hosts

The Vagrantfile reads the same table in the same way: a value in "environment" is the name of a variable, or stands for itself.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

TABLE: dict[str, Any] = json.loads((Path(__file__).parents[2] / "nix" / "machines.json").read_text())
MACHINES: dict[str, Any] = TABLE["machines"]


def in_environment(name: str) -> str:
    """The variable, or the content of the file that NAME_FILE names."""
    file = os.environ.get(f"{name}_FILE", "")
    try:
        return Path(file).read_text().rstrip("\n") if file else os.environ.get(name, "")
    except OSError as error:
        sys.exit(f"machines: {name}_FILE names {file}, which cannot be read: {error.strerror}")


def value(name: str) -> str:
    """What a variable is on the machines."""
    named: str = TABLE["environment"].get(name, name)
    found = in_environment(named) if named.isidentifier() else named
    if not found and name not in TABLE["may_be_empty"]:
        sys.exit(f"machines: {named} is missing or empty: set it in .env")
    return found


def line(name: str, text: str) -> str:
    """One line that systemd, dotenvy, bash and Nix read alike."""
    if any(character < " " for character in text) or ("'" in text and set(text) & set('"$\\')):
        sys.exit(f"machines: {name} holds characters that an environment file cannot: set another in .env")
    return f'{name}="{text}"' if "'" in text else f"{name}='{text}'"


def env(machine: dict[str, Any]) -> list[str]:
    return [line(name, value(name)) for name in machine["variables"]]


def facts(machine: dict[str, Any]) -> list[str]:
    return [
        line("MACHINE_SERVICE", machine["service"]),
        line("MACHINE_PM2", machine["pm2"]),
        line("MACHINE_DATABASE", machine.get("database", "")),
        line("MACHINE_BROKER", "yes" if machine.get("broker") else ""),
    ]


def firewall(machine: dict[str, Any]) -> list[str]:
    """Everything that is not offered is dropped; what a machine asks of itself goes over loopback."""
    rules = ["*filter", ":INPUT DROP", ":FORWARD DROP", ":OUTPUT ACCEPT"]
    rules += ["-A INPUT -i lo -j ACCEPT", "-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"]
    rules += ["-A INPUT -p icmp --icmp-type echo-request -j ACCEPT"]
    for offer in machine["offers"]:
        for client in offer["to"]:
            source = "" if client == "anyone" else f"-s {value(MACHINES[client]['address'])} "
            rules.append(f"-A INPUT {source}-p tcp --dport {value(offer['port'])} -j ACCEPT")
    return [*rules, "COMMIT"]


def hosts() -> list[str]:
    return ["127.0.0.1 localhost"] + [f"{value(machine['address'])} {name}" for name, machine in MACHINES.items()]


def main(question: str, name: str = "") -> list[str]:
    if question == "names":
        return list(MACHINES)
    if question == "hosts":
        return hosts()
    if question == "address":
        return [value(MACHINES[name]["address"])]
    return {"env": env, "facts": facts, "firewall": firewall}[question](MACHINES[name])


print("\n".join(main(*sys.argv[1:])))
