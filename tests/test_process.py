"""A process that serves: its access log is moved away under it, and no line is lost."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import psutil
import pytest

from tests.doubles.ports import free_port
from tests.doubles.redis_servers import RedisServer
from tests.doubles.waiting import eventually
from tests.test_node import START_S, refused


@asynccontextmanager
async def logging_to(path: Path, redis: str, workers: int):
    """A `serve` without any server, whose every answer is a 503: yields process and port."""
    port, admin, settings = free_port(), free_port(1), path.with_name("lb.toml")
    settings.write_text(f'[node]\naccess_log_path = "{path}"\n')
    options = ["--config", str(settings), "--redis", redis, "--workers", str(workers), "--id", "lb"]
    addresses = ["--listen", f"127.0.0.1:{port}=web", "--admin", f"127.0.0.1:{admin}"]
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "cluster_lb", "serve", *options, *addresses],
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        for number in range(workers):
            await eventually(lambda at=admin + number: is_ready(at), START_S)
        yield process, port
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def is_ready(admin: int) -> bool:
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{admin}/readyz") as response,
        ):
            return response.status == 200
    except aiohttp.ClientError:
        return False


async def ask(port: int, numbers: range) -> None:
    """One request each, on connections of their own, so that each worker gets some."""
    for number in numbers:
        connector = aiohttp.TCPConnector(force_close=True)
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get(f"http://127.0.0.1:{port}/{number}") as response,
        ):
            assert response.status == 503


def serving_processes(process: asyncio.subprocess.Process, workers: int) -> list[psutil.Process]:
    own = psutil.Process(process.pid)
    return [own] if workers == 1 else [c for c in own.children() if "spawn_main" in " ".join(c.cmdline())]


def writes_to(process: psutil.Process, path: Path) -> bool:
    return str(path) in {file.path for file in process.open_files()}


@pytest.mark.cluster
@pytest.mark.parametrize("workers", [1, 2])
async def test_on_sigusr1_the_log_goes_on_in_a_new_file_and_no_line_is_lost(
    own_server: RedisServer, tmp_path: Path, workers: int
) -> None:
    path, moved = tmp_path / "access.log", tmp_path / "access.log.1"
    async with logging_to(path, own_server.url, workers) as (process, port):
        asking = asyncio.ensure_future(ask(port, range(100)))
        await eventually(lambda: path.read_text().count("\n") > 5)
        path.rename(moved)
        process.send_signal(signal.SIGUSR1)
        serving = serving_processes(process, workers)
        assert len(serving) == workers
        await eventually(lambda: path.exists() and all(writes_to(each, path) for each in serving))
        assert not any(writes_to(each, moved) for each in serving)
        before = moved.read_text()
        await asking
        await ask(port, range(100, 120))
        process.terminate()
        assert await process.wait() == 0
    assert moved.read_text() == before
    logged = [
        int(line.split('"')[1].removeprefix("GET /")) for line in (before + path.read_text()).splitlines()
    ]
    assert sorted(logged) == list(range(120))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_log_that_cannot_be_opened_is_named_at_the_start(tmp_path: Path, workers: str) -> None:
    settings = tmp_path / "lb.toml"
    settings.write_text(f'[node]\naccess_log_path = "{tmp_path}/missing/access.log"\n')
    options = ["--config", str(settings), "--workers", workers, "--redis", "redis://127.0.0.1:1/0"]
    code, line = refused(
        [*options, "--listen", "127.0.0.1:0=web", "--admin", "127.0.0.1:0"],
    )
    assert code == 2
    assert line == (
        f"cluster-lb: node.access_log_path: {tmp_path}/missing/access.log: No such file or directory\n"
    )
