"""What nix/machines.json says of a machine, with the values of .env, which are in the environment: for scripts/machines.

    machines_table.py names           the machines, one a line
    machines_table.py check           nothing, when .env has all that they need
    machines_table.py address NAME    its address
    machines_table.py env NAME        its environment file, as on the NixOS machines
    machines_table.py facts NAME      what runs on it, as variables MACHINE_...
    machines_table.py firewall NAME   who is let in where, for iptables-restore
    machines_table.py hosts           the lines of /etc/hosts

The Vagrantfile reads the same table in the same way: a value in "environment" is the name of a variable, or stands for itself.
"""

import ipaddress
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

signal.signal(signal.SIGINT, signal.SIG_DFL)
TABLE: dict[str, Any] = json.loads((Path(__file__).parents[2] / "nix" / "machines.json").read_text())
MACHINES: dict[str, Any] = TABLE["machines"]
BROKER_PORTS = ["AMQP_MANAGEMENT_PORT", "AMQP_DIST_PORT", "AMQP_EPMD_PORT"]  # seen by no other machine


def in_environment(name: str) -> str:
    """The variable, or the content of the file that NAME_FILE names."""
    file = os.environ.get(f"{name}_FILE", "")
    try:
        return Path(file).read_text(encoding="utf-8").rstrip("\r\n") if file else os.environ.get(name, "")
    except OSError as error:
        sys.exit(f"machines: {name}_FILE names {file}, which cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        sys.exit(f"machines: {name}_FILE names {file}, which is not UTF-8")


def value(name: str) -> str:
    """What a variable is on the machines."""
    named: str = TABLE["environment"].get(name, name)
    found = in_environment(named) if named.isidentifier() else named
    if not found and name not in TABLE["may_be_empty"]:
        sys.exit(f"machines: {named} is missing or empty: set it in .env")
    if name.endswith("_PORT") and not (found.isascii() and found.isdecimal() and 0 < int(found) < 65536):
        sys.exit(f"machines: {named} is '{found}': it must be a port, 1 to 65535")
    return found


def address(machine: dict[str, Any]) -> ipaddress.IPv4Interface:
    """Where the machine is, in a network of 256 addresses."""
    named = machine["address"]
    try:
        return ipaddress.IPv4Interface(f"{value(named)}/24")
    except ValueError:
        sys.exit(f"machines: {named} is '{value(named)}': it must be an IPv4 address")


def check() -> list[str]:
    """Ends with one line that names the variable when something is missing or wrong."""
    for machine in MACHINES.values():
        env(machine)
        check_ports(machine)
    check_addresses()
    return []


def check_ports(machine: dict[str, Any]) -> None:
    taken: dict[int, str] = {}
    for name in listens(machine):
        port = int(value(name))
        if port in taken:
            sys.exit(f"machines: {name} is {port} on the machine of {machine['service']}, and so is {taken[port]}")
        taken[port] = name


def listens(machine: dict[str, Any]) -> list[str]:
    """The variables of all ports on which something listens there."""
    offered = [offer["port"] for offer in machine["offers"]]
    database = [f"{machine['database']}_PORT"] if "database" in machine else []
    return offered + database + (BROKER_PORTS if machine.get("broker") else [])


def check_addresses() -> None:
    taken: dict[Any, str] = {}
    for machine in MACHINES.values():
        named, here = machine["address"], address(machine)
        network = next(iter(taken), here).network
        if here.network != network or here.ip in (network[0], network[1], network[255]):
            sys.exit(f"machines: {named} is '{here.ip}': it must be between {network[2]} and {network[254]}")
        if here in taken:
            sys.exit(f"machines: {named} is '{here.ip}', and so is {taken[here]}")
        taken[here] = named


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
        *[line(name, value(name)) for name in BROKER_PORTS if machine.get("broker")],
    ]


def firewall(machine: dict[str, Any]) -> list[str]:
    """Everything that is not offered is dropped; what a machine asks of itself goes over loopback."""
    rules = ["*filter", ":INPUT DROP", ":FORWARD DROP", ":OUTPUT ACCEPT"]
    rules += ["-A INPUT -i lo -j ACCEPT", "-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"]
    rules += ["-A INPUT -p icmp --icmp-type echo-request -j ACCEPT"]
    for offer in machine["offers"]:
        for client in offer["to"]:
            source = "" if client == "anyone" else f"-s {address(MACHINES[client]).ip} "
            rules.append(f"-A INPUT {source}-p tcp --dport {value(offer['port'])} -j ACCEPT")
    return [*rules, "COMMIT"]


def hosts() -> list[str]:
    return ["127.0.0.1 localhost"] + [f"{address(machine).ip} {name}" for name, machine in MACHINES.items()]


def main(question: str, name: str = "") -> list[str]:
    if question == "names":
        return list(MACHINES)
    if question in ("check", "hosts"):
        return check() if question == "check" else hosts()
    if question == "address":
        return [str(address(MACHINES[name]).ip)]
    return {"env": env, "facts": facts, "firewall": firewall}[question](MACHINES[name])


print("\n".join(main(*sys.argv[1:])))
