"""`cluster-lb serve`: run a node."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import multiprocessing
import resource
import signal
import socket
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer

from cluster_lb.logs import configure_logs
from cluster_lb.node import Node
from cluster_lb.proxy.listener import bind
from cluster_lb.settings.load import load_settings, with_overrides
from cluster_lb.settings.schema import Settings
from cluster_lb.store.client import Store
from cluster_lb.store.embedded import ensure
from cluster_lb.supervisor import Supervisor, worker_count

_log = structlog.get_logger("serve")

# The youngest generation is collected after so many allocations: a request leaves no cycles behind, so the
# default of 700 would look at live objects again and again (Instagram's and Close's servers do likewise).
_GC_THRESHOLD = 50_000


def serve(
    config: Annotated[
        Path | None, typer.Option(help="Settings file (TOML).", envvar="CLUSTER_LB_CONFIG")
    ] = None,
    redis: Annotated[
        str | None,
        typer.Option(help="Redis URL, or `embedded`.", envvar="CLUSTER_LB_REDIS", show_default="embedded"),
    ] = None,
    namespace: Annotated[
        str | None, typer.Option(help="First part of all keys.", envvar="CLUSTER_LB_NAMESPACE")
    ] = None,
    listen: Annotated[
        list[str] | None,
        typer.Option(help="HOST:PORT=POOL; may be repeated.", envvar="CLUSTER_LB_LISTEN"),
    ] = None,
    admin: Annotated[
        str | None, typer.Option(help="HOST:PORT of the admin API.", envvar="CLUSTER_LB_ADMIN")
    ] = None,
    admin_token: Annotated[
        str | None,
        typer.Option(help="What admin clients must present.", envvar="CLUSTER_LB_ADMIN_TOKEN"),
    ] = None,
    id: Annotated[
        str | None, typer.Option(help="Node id.", envvar="CLUSTER_LB_ID", show_default="host name")
    ] = None,
    zone: Annotated[str | None, typer.Option(help="Zone of this node.", envvar="CLUSTER_LB_ZONE")] = None,
    workers: Annotated[
        str | None, typer.Option(help="Worker processes, or `auto`.", envvar="CLUSTER_LB_WORKERS")
    ] = None,
) -> None:
    """Run a node: balance what comes in on the listeners over the pools of the cluster."""
    settings = with_overrides(
        load_settings(config) if config else Settings(),
        redis=redis,
        namespace=namespace,
        listen=listen or (),
        admin=admin,
        admin_token=admin_token,
        id=id,
        zone=zone,
        workers=workers,
    )
    configure_logs(settings.node.log_level, settings.node.log_format)
    sockets = [bind(listener.bind) for listener in settings.listeners]
    if worker_count(settings) > 1:
        asyncio.run(Supervisor(settings, sockets, work).run())
    else:
        run(lambda: run_node(settings, sockets))


def work(settings: Settings, sockets: Sequence[socket.socket]) -> None:
    """Be one worker of a supervisor; Ctrl-C in a terminal reaches the supervisor too, which passes it on."""
    configure_logs(settings.node.log_level, settings.node.log_format)
    run(lambda: run_node(settings, sockets, supervised=True))


async def run_node(settings: Settings, sockets: Sequence[socket.socket], *, supervised: bool = False) -> None:
    """Run one node until it is told to stop."""
    url = await ensure() if settings.redis.url == "embedded" else settings.redis.url
    async with Store.from_url(
        url, settings.redis.namespace, command_timeout_s=settings.redis.command_timeout_s
    ) as store:
        node = Node(settings, store, sockets)
        if supervised:
            hear_supervisor(node.stop)
        else:
            hear_signals(node.stop)
        await node.run()


def hear_signals(stop: Callable[[], None]) -> None:
    """Stop on SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop)
    loop.add_signal_handler(signal.SIGINT, stop)


def hear_supervisor(stop: Callable[[], None]) -> None:
    """Stop on the supervisor's SIGTERM, or when it is gone; a terminal's SIGINT is its to pass on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop)
    supervisor = multiprocessing.parent_process()
    assert supervisor is not None
    sentinel = supervisor.sentinel

    def gone() -> None:
        loop.remove_reader(sentinel)
        stop()

    loop.add_reader(sentinel, gone)


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine on uvloop where it is installed, with the process set up for many connections."""
    _raise_file_limit()
    gc.set_threshold(_GC_THRESHOLD)
    if importlib.util.find_spec("uvloop") is None:
        _log.warning("uvloop is not installed: plain asyncio costs about twice the CPU")
        asyncio.run(main())
    else:
        import uvloop

        uvloop.run(main())


def _raise_file_limit() -> None:
    """As many file descriptors as the system allows this process (HAProxy does so too)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
