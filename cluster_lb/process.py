"""A process that serves: one node, or a supervisor with a node in each of its workers."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import socket
import sys
from collections.abc import Callable, Sequence

import structlog

from cluster_lb.errors import ClusterLBError
from cluster_lb.logs import configure_logs
from cluster_lb.node import Node
from cluster_lb.proxy.listener import bind
from cluster_lb.proxy.log_file import check_log
from cluster_lb.runner import run
from cluster_lb.settings.schema import Settings
from cluster_lb.store.client import Store
from cluster_lb.store.embedded import ensure
from cluster_lb.supervisor import Supervisor, worker_count

_log = structlog.get_logger("serve")


def serve_settings(settings: Settings) -> None:
    """Serve until a signal says stop. Raises SettingsError for an address that is taken, or a log that
    cannot be opened, StoreError where there is no Redis to be had."""
    configure_logs(settings.node.log_level, settings.node.log_format)
    sockets = [bind(listener.bind) for listener in settings.listeners]
    if worker_count(settings) > 1:
        check_log(settings.node.access_log_path)
        asyncio.run(Supervisor(settings, sockets, work).run())
    else:
        run(lambda: run_node(settings, sockets))


def work(settings: Settings, sockets: Sequence[socket.socket]) -> None:
    """Be one worker of a supervisor; Ctrl-C in a terminal reaches the supervisor too, which passes it on."""
    configure_logs(settings.node.log_level, settings.node.log_format)
    try:
        run(lambda: run_node(settings, sockets, supervised=True))
    except ClusterLBError as error:
        _log.error("worker cannot run", node=settings.node.id, problem=str(error))
        sys.exit(1)


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
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, node.reload)
        hear_rotation(node.reopen_logs)
        await node.run()


def hear_signals(stop: Callable[[], None]) -> None:
    """Stop on SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop)
    loop.add_signal_handler(signal.SIGINT, stop)


def hear_rotation(reopen: Callable[[], None]) -> None:
    """Open log files again on SIGUSR1, as nginx does. A supervisor starts its workers with the signal
    blocked, so that one that comes early waits until here."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, reopen)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})


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
