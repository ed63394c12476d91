"""Servers that exist for a comparison: nginx, HAProxy, and a gateway beside the system. All on loopback, ended by pid."""

import os
import socket
import subprocess
import time
from contextlib import contextmanager

from settings import ALLOCATION, BINARIES, SCRATCH

# As many workers as the gateway has threads that serve.
CPUS = len(os.sched_getaffinity(0))

# Below the range from which the kernel takes ports for outgoing connections.
ports = iter(range(29_000, 32_000))


def free_port():
    for port in ports:
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("there is no free port from 29000 to 31999")


@contextmanager
def running(name, command, port, environment=None):
    """The pid of a server that listens."""
    log = SCRATCH / f"{name}.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
        )
    try:
        wait_listening(name, server, port, log)
        yield server.pid
    finally:
        end(server)


def wait_listening(name, server, port, log):
    until = time.monotonic() + 20
    while time.monotonic() < until and server.poll() is None:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"{name} does not listen on {port}: {log.read_text()[-2000:]}")


def end(server):
    server.terminate()
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def nginx_file(name, inner):
    """Writes a configuration without anything of the machine's own; `inner` is the http block's rest."""
    file = SCRATCH / f"{name}.conf"
    temporary = "".join(
        f"  {kind}_temp_path {SCRATCH}/{name}-{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""  # else the workers could not read the scratch folder
    file.write_text(
        f"{user}daemon off;\nworker_processes {CPUS};\npid {SCRATCH}/{name}.pid;\nerror_log stderr warn;\n"
        f"events {{ worker_connections 8192; }}\n"
        f"http {{\n  access_log off;\n  keepalive_requests 100000000;\n  default_type application/json;\n{temporary}{inner}}}\n"
    )
    return file


def nginx(name, port, inner):
    return running(name, ["nginx", "-e", "stderr", "-c", nginx_file(name, inner)], port)


def nginx_before(name, port, upstream):
    """As a proxy, with connections to the upstream that stay open and room for 100 kB without a file."""
    return nginx(
        name,
        port,
        f"  upstream inner {{ server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 100000000; }}\n"
        f"  server {{\n    listen 127.0.0.1:{port} backlog=4096;\n    location / {{\n"
        '      proxy_pass http://inner;\n      proxy_http_version 1.1;\n      proxy_set_header Connection "";\n'
        "      proxy_buffers 16 16k;\n    }\n  }\n",
    )


def haproxy_before(name, port, upstream):
    file = SCRATCH / f"{name}.cfg"
    file.write_text(
        f"global\n  nbthread {CPUS}\n  maxconn 8192\n"
        "defaults\n  mode http\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n"
        "  option http-keep-alive\n  http-reuse always\n"
        f"frontend outer\n  bind 127.0.0.1:{port} backlog 4096\n  default_backend inner\n"
        f"backend inner\n  server upstream 127.0.0.1:{upstream}\n"
    )
    return running(name, ["haproxy", "-db", "-f", file], port)


def gateway_before(name, port, upstream, log):
    """A gateway whose inventory is the upstream. It has neither billing nor broker, and needs none for this."""
    settings = {"API_GATEWAY_PORT": port, "INVENTORY_APP_PORT": upstream, "BILLING_APP_PORT": 1, "AMQP_PORT": 1}
    environment = os.environ | ALLOCATION | {name: str(value) for name, value in settings.items()}
    environment |= {"API_GATEWAY_HOST": "127.0.0.1", "INVENTORY_APP_HOST": "127.0.0.1", "LOG": log}
    return running(name, [BINARIES / "api-gateway"], port, environment)
