"""A node as a process: it starts in an order that never answers before it can serve."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from fakeredis import FakeServer

from cluster_lb.model.availability import ServerState
from cluster_lb.node import Node
from cluster_lb.settings.health import HealthSettings
from cluster_lb.settings.schema import PoolSettings, Settings
from cluster_lb.store.pools import PoolConfigs
from cluster_lb.store.registry import Registry
from tests.doubles.fake_redis import store_on
from tests.doubles.keyspace import record
from tests.doubles.ports import free_port
from tests.doubles.redis_servers import RedisServer
from tests.doubles.waiting import eventually

START_S = 40.0


@dataclass
class Served:
    process: subprocess.Popen[bytes]
    port: int
    admin: int
    log: Path

    async def status(self, path: str) -> tuple[int, str] | None:
        """What the admin API answers; None when it does not."""
        with suppress(aiohttp.ClientError):
            url = f"http://127.0.0.1:{self.admin}{path}"
            async with aiohttp.ClientSession() as session, session.get(url) as response:
                return response.status, await response.text()
        return None

    async def is_ready(self) -> bool:
        answer = await self.status("/readyz")
        return answer is not None and answer[0] == 200

    def listens(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1.0):
            return True
        return False


@contextmanager
def serving(folder: Path, redis: str, *more: str) -> Iterator[Served]:
    port, admin, log = free_port(), free_port(), folder / "serve.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *[sys.executable, "-m", "cluster_lb", "serve", "--id", "n1", "--redis", redis],
                *["--listen", f"127.0.0.1:{port}=web", "--admin", f"127.0.0.1:{admin}", *more],
            ],
            stdout=output,
            stderr=output,
        )
    try:
        yield Served(process, port, admin, log)
    finally:
        process.kill()
        process.wait()


@pytest.mark.cluster
async def test_without_redis_a_node_is_alive_but_neither_ready_nor_listening(tmp_path: Path) -> None:
    redis = RedisServer(tmp_path)
    with serving(tmp_path, redis.url) as node:
        await eventually(lambda: node.status("/healthz"), START_S)
        answer = await node.status("/readyz")
        assert answer is not None
        assert answer[0] == 503
        assert "no snapshot" in answer[1]
        assert not node.listens()
        await eventually(lambda: "waiting for it before serving" in node.log.read_text(), START_S)

        redis.start()
        try:
            await eventually(node.is_ready, START_S)
            assert node.listens()
        finally:
            redis.kill()


@pytest.mark.cluster
async def test_a_node_that_still_waits_for_redis_stops_when_told_to(tmp_path: Path) -> None:
    with serving(tmp_path, RedisServer(tmp_path).url) as node:
        await eventually(lambda: node.status("/healthz"), START_S)
        node.process.send_signal(signal.SIGTERM)
        assert node.process.wait(START_S) == 0


def refused(arguments: Sequence[str]) -> tuple[int, str]:
    """Exit code and standard error of a `serve` that cannot start."""
    done = subprocess.run(
        [sys.executable, "-m", "cluster_lb", "serve", *arguments],
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )
    return done.returncode, done.stderr


def test_a_taken_listener_address_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, line = refused(["--listen", f"{address}=web", "--redis", "redis://127.0.0.1:1/0"])
    assert code == 2
    assert line == f"cluster-lb: listener {address}: cannot bind: Address already in use\n"


def test_a_taken_admin_address_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        options = ["--listen", f"127.0.0.1:{free_port()}=web", "--redis", "redis://127.0.0.1:1/0"]
        code, lines = refused([*options, "--admin", address])
    assert code == 2
    assert f"cluster-lb: admin {address}: cannot bind: Address already in use\n" in lines


async def test_what_a_snapshot_takes_out_is_out_before_it_is_compiled() -> None:
    redis = FakeServer()
    async with (
        store_on(redis) as store,
        AsyncExitStack() as stack,
    ):
        node, registry = Node(Settings(), store, ()), Registry(store)
        await node._open_prober(stack)
        await PoolConfigs(store).seed({"web": PoolSettings(health=HealthSettings(kind="none"))}, ())
        for state, out in (ServerState.UP, []), (ServerState.DRAIN, ["a"]):
            for server in record("a", state=state), record("b"):
                await registry.register("web", server)
            reading = await registry.read_pool("web")
            assert reading is not None
            node._on_pool(reading)
            live = node._pools.ensure("web").servers
            assert [server.id for server in live.values() if server.out] == out
            await node._pools.offers.adopt_all()
            assert not any(server.out for server in live.values())
        assert [server.id for server in live.values() if node._pools.ensure("web").picks_among(server)] == [
            "b"
        ]
