"""Several workers over the same sockets: settings of each, restart, and stopping together."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import psutil
import pytest

from cluster_lb.model.address import Address
from cluster_lb.settings.schema import NodeSettings, Settings
from cluster_lb.supervisor import worker_count, worker_settings
from tests.doubles.ports import free_port
from tests.doubles.redis_servers import RedisServer
from tests.doubles.waiting import eventually

START_S = 40.0


def test_each_worker_is_a_node_of_its_own() -> None:
    settings = Settings(node=NodeSettings(id="lb", admin=Address("127.0.0.1", 9900), workers=3))
    workers = [worker_settings(settings, number) for number in range(worker_count(settings))]
    assert [worker.node.id for worker in workers] == ["lb-0", "lb-1", "lb-2"]
    assert [worker.node.admin.port for worker in workers] == [9900, 9901, 9902]
    assert {worker_count(worker) for worker in workers} == {1}


def test_a_free_admin_port_stays_free_for_every_worker() -> None:
    settings = Settings(node=NodeSettings(admin=Address("127.0.0.1", 0), workers=2))
    assert worker_settings(settings, 1).node.admin.port == 0


def test_auto_is_one_worker_a_core() -> None:
    settings = Settings(node=NodeSettings(workers="auto"))
    assert worker_count(settings) == len(os.sched_getaffinity(0))


def _is_worker(process: psutil.Process) -> bool:
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # it has just ended
        return False


class Supervised:
    """A `cluster-lb serve --workers 2` that runs."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, admin: int) -> None:
        self.process = process
        self.port = port
        self.admin = admin

    def workers(self) -> list[psutil.Process]:
        """Without the helper processes of multiprocessing."""
        return [child for child in psutil.Process(self.process.pid).children() if _is_worker(child)]

    async def ready(self) -> bool:
        return [await self._status(f"http://127.0.0.1:{self.admin + n}/readyz") for n in (0, 1)] == [200, 200]

    async def answers(self) -> int | None:
        return await self._status(f"http://127.0.0.1:{self.port}/")

    async def _status(self, url: str) -> int | None:
        with suppress(aiohttp.ClientError):
            async with aiohttp.ClientSession() as session, session.get(url) as response:
                return response.status
        return None


@asynccontextmanager
async def supervised(redis: str, log: Path) -> AsyncIterator[Supervised]:
    port, admin = free_port(), free_port(1)
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "cluster_lb", "serve", "--workers", "2", "--id", "lb"],
            *["--redis", redis, "--listen", f"127.0.0.1:{port}=web", "--admin", f"127.0.0.1:{admin}"],
            stdout=output,
            stderr=output,
        )
    running = Supervised(process, port, admin)
    try:
        await eventually(running.ready, START_S)
        yield running
    finally:
        left = psutil.Process(process.pid).children() if process.returncode is None else []
        for each in [process, *left]:
            with suppress(ProcessLookupError, psutil.NoSuchProcess):
                each.kill()
        await process.wait()


@pytest.mark.cluster
async def test_a_killed_worker_is_replaced_and_all_stop_together(
    own_server: RedisServer, tmp_path: Path
) -> None:
    log = tmp_path / "serve.log"
    async with supervised(own_server.url, log) as running:
        first, second = running.workers()
        first.send_signal(signal.SIGKILL)
        assert await running.answers() == 503  # no server is registered: the other worker says so
        await eventually(lambda: len(running.workers()) == 2 and first not in running.workers(), START_S)
        await eventually(running.ready, START_S)
        assert second in running.workers()
        running.process.send_signal(signal.SIGTERM)
        assert await running.process.wait() == 0
    assert "worker died" in log.read_text()


@pytest.mark.cluster
async def test_workers_stop_when_their_supervisor_is_killed(own_server: RedisServer, tmp_path: Path) -> None:
    async with supervised(own_server.url, tmp_path / "serve.log") as running:
        workers = running.workers()
        running.process.kill()
        await eventually(lambda: not any(worker.is_running() for worker in workers), START_S)
