"""A drain is over when the last exchange on any node is: requests, and tunnels too."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from cluster_lb.cli.waiting import wait_for_nodes
from cluster_lb.model.availability import AdminState
from cluster_lb.store.client import Store
from cluster_lb.store.registry import Registry
from tests.doubles.real_cluster import Backend, RealCluster, backends
from tests.doubles.waiting import eventually

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def cluster(pair: RealCluster) -> RealCluster:
    return pair


class TunnelBackend(Backend):
    """One that takes a WebSocket on /slow too; it ends when the client ends it."""

    async def _slow(self, request: web.Request) -> web.StreamResponse:
        if "Upgrade" not in request.headers:
            return await super()._slow(request)
        tunnel = web.WebSocketResponse()
        await tunnel.prepare(request)
        self.open += 1
        try:
            async for _ in tunnel:
                continue
        finally:
            self.open -= 1
        return tunnel


class Drain:
    """`cluster-lb server drain web a --wait` while it runs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def begin(cls, cluster: RealCluster, *options: str) -> Drain:
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "cluster_lb", "server", "drain", "web", "a", "--wait", *options),
                *("--redis", cluster.redis.url),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        )

    async def end(self) -> tuple[int | None, str, str]:
        """Exit code, what it said, and what it complained of."""
        out, err = await self._process.communicate()
        return self._process.returncode, out.decode(), err.decode()


@asynccontextmanager
async def alone(cluster: RealCluster) -> AsyncIterator[tuple[TunnelBackend, Registry]]:
    """Server a alone takes traffic; b is there for what comes after it."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(TunnelBackend("a", cluster.redis.url).running())
        await stack.enter_async_context(backends(cluster.redis.url, {"b": 0}))
        await cluster.ready("a", "b")
        store = await stack.enter_async_context(Store.from_url(cluster.redis.url, command_timeout_s=5.0))
        registry = Registry(store)
        yield server, registry
        server.release.set()
        await registry.set_admin_state("web", "a", AdminState.READY)


async def in_flight(registry: Registry) -> int:
    """Attempts on a, over all nodes, as they are told."""
    reading = await registry.read_pool("web")
    return reading.in_flight("a") if reading else 0


async def told(registry: Registry, count: int) -> None:
    """Return when the nodes have told of so many attempts."""

    async def is_told() -> bool:
        return await in_flight(registry) == count

    await eventually(is_told)


async def test_a_drain_waits_for_the_last_request_and_the_last_tunnel_of_any_node(
    cluster: RealCluster,
) -> None:
    async with alone(cluster) as (server, registry), aiohttp.ClientSession() as session:
        held = asyncio.ensure_future(_get(session, cluster.nodes["n1"].url + "/slow"))
        tunnel = await session.ws_connect(cluster.nodes["n2"].url + "/slow")
        await eventually(lambda: server.open == 2)
        await told(registry, 2)

        await registry.set_admin_state("web", "a", AdminState.DRAIN)
        ended = asyncio.ensure_future(wait_for_nodes(registry, "web", "a", 60.0, must_empty=True))
        server.release.set()
        assert await held == 200
        await told(registry, 1)
        await asyncio.wait([ended], timeout=0.5)  # five of its looks
        assert not ended.done()
        await tunnel.close()
        await ended
        assert server.open == 0


async def test_at_its_deadline_a_drain_says_how_many_are_open_and_lets_them_go_on(
    cluster: RealCluster,
) -> None:
    async with alone(cluster) as (server, registry), aiohttp.ClientSession() as session:
        held = [
            asyncio.ensure_future(_get(session, node.url + "/slow"))
            for node in cluster.nodes.values()
            for _ in range(2)
        ]
        await eventually(lambda: server.open == 4)
        await told(registry, 4)
        drain = await Drain.begin(cluster, "--timeout", "1")
        assert await drain.end() == (1, "", "cluster-lb: web/a: after 1 s: 4 still open\n")
        server.release.set()
        assert await asyncio.gather(*held) == [200] * 4
        assert await (await Drain.begin(cluster)).end() == (0, "web/a: drained\n", "")


async def _get(session: aiohttp.ClientSession, url: str) -> int:
    async with session.get(url) as response:
        await response.read()
        return response.status
