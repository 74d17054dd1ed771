"""Several worker processes over the same listening sockets.

Each worker is a node of its own: id `<id>-<n>`, admin port the configured one plus n, its own place in
`get nodes`. The supervisor owns the sockets, so a worker that dies loses no connection that it has not
accepted; it is started again after a second. Workers drain when the supervisor is told to, or is gone.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import socket
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess

import structlog

from cluster_lb.model.address import Address
from cluster_lb.settings.schema import Settings
from cluster_lb.tasks import TaskSet

_log = structlog.get_logger("supervisor")

RESTART_S = 1.0  # after a worker died: a crash at start must not become a busy loop

#: Runs one worker to its end: its settings and its listening sockets. Must be importable by name.
Work = Callable[[Settings, Sequence[socket.socket]], None]


def worker_count(settings: Settings) -> int:
    """How many workers the settings mean; `auto` is one a core."""
    workers = settings.node.workers
    return len(os.sched_getaffinity(0)) if workers == "auto" else workers


def worker_settings(settings: Settings, number: int) -> Settings:
    """The settings of worker `number`, from 0."""
    node = settings.node
    admin = Address(node.admin.host, node.admin.port + number if node.admin.port else 0)
    changed = node.model_copy(update={"id": f"{node.id}-{number}", "admin": admin, "workers": 1})
    return settings.model_copy(update={"node": changed})


class Supervisor:
    """Keeps the workers running until it is told to stop."""

    def __init__(self, settings: Settings, sockets: Sequence[socket.socket], work: Work) -> None:
        self._settings = settings
        self._sockets = sockets
        self._work = work
        self._workers: dict[int, BaseProcess] = {}
        self._stopping = False
        self._tasks = TaskSet()

    async def run(self) -> None:
        """Run all workers; returns when the last one has ended after a signal."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        for number in (signal.SIGHUP, signal.SIGUSR1):
            loop.add_signal_handler(number, self.pass_on, number)
        keepers = [
            self._tasks.start(self._keep(number), f"worker {number}")
            for number in range(worker_count(self._settings))
        ]
        _log.info("supervising", workers=len(keepers))
        await asyncio.gather(*keepers)

    def stop(self) -> None:
        """Have the workers drain; called again, have them stop at once."""
        self._stopping = True
        for worker in self._workers.values():
            if worker.is_alive():
                worker.terminate()

    def pass_on(self, number: signal.Signals) -> None:
        """Send a signal to every worker."""
        for worker in self._workers.values():
            if worker.is_alive() and worker.pid is not None:
                os.kill(worker.pid, number)

    async def _keep(self, number: int) -> None:
        while not self._stopping:
            worker = self._start(number)
            await _ended(worker)
            if self._stopping:
                break
            _log.error("worker died: starting another", worker=number, exit_code=worker.exitcode)
            await asyncio.sleep(RESTART_S)

    def _start(self, number: int) -> BaseProcess:
        worker = multiprocessing.get_context("spawn").Process(
            target=self._work,
            args=(worker_settings(self._settings, number), self._sockets),
            name=f"cluster-lb worker {number}",
        )
        # Blocked until it can handle it: it would be the end of a process that has not come so far.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
        try:
            worker.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
        self._workers[number] = worker
        return worker


async def _ended(worker: BaseProcess) -> None:
    """Wait until the process is gone."""
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    loop.add_reader(worker.sentinel, gone.set)
    try:
        await gone.wait()
    finally:
        loop.remove_reader(worker.sentinel)
    worker.join()
