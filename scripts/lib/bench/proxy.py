"""The gateway before a static upstream, beside nginx and HAProxy before the same one."""

from contextlib import ExitStack

import servers
import wrk
from comparison import Comparison, Goal
from contender import Contender
from settings import SCRATCH

CONNECTIONS = 64
BODIES = [("200 B", 1, 200), ("100 kB", 2, 100_000)]
OTHERS = ("nginx", "HAProxy")
OURS = ("gateway, LOG=warn", "gateway, LOG=info")


def upstream(stack):
    """nginx that answers `GET /api/movies/1` and `/2` with files in its cache of open files."""
    port = servers.free_port()
    for _, name, length in BODIES:
        (SCRATCH / str(name)).write_bytes(b'"' + b"x" * (length - 2) + b'"')
    inner = (
        "  sendfile on;\n  tcp_nopush on;\n  open_file_cache max=10;\n"
        f"  server {{\n    listen 127.0.0.1:{port} backlog=4096;\n    location /api/movies/ {{ alias {SCRATCH}/; }}\n  }}\n"
    )
    stack.enter_context(servers.nginx("upstream", port, inner))
    return port


def start_all(stack):
    """Name to port and pid."""
    inner, proxies = upstream(stack), {}
    starts = {
        "nginx": lambda port: servers.nginx_before("nginx", port, inner),
        "HAProxy": lambda port: servers.haproxy_before("haproxy", port, inner),
        OURS[0]: lambda port: servers.gateway_before("gateway-warn", port, inner, "warn"),
        OURS[1]: lambda port: servers.gateway_before("gateway-info", port, inner, "info"),
    }
    for name, start in starts.items():
        port = servers.free_port()
        proxies[name] = (port, stack.enter_context(start(port)))
    return proxies


def contender(name, port, pid, path):
    url = f"http://127.0.0.1:{port}/api/movies/{path}"
    short = name.partition(",")[0]
    return Contender(
        name,
        lambda: wrk.load(url, CONNECTIONS),
        lambda: {short: pid},
        warm=lambda: wrk.load(url, CONNECTIONS, 1),
    )


def goals():
    for ours in OURS:
        for other in OTHERS:
            yield Goal(ours, other, 1.0)
            yield Goal(ours, other, 1.0, "cpu", at_least=False)


def run():
    with ExitStack() as stack:
        proxies = start_all(stack)
        for label, path, _ in BODIES:
            contenders = [contender(name, port, pid, path) for name, (port, pid) in proxies.items()]
            title = f"Before a static upstream, {label}, {CONNECTIONS} connections"
            yield Comparison(title, "requests", contenders, list(goals())).run()
