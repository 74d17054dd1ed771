"""Two nodes hold the limits of a pool together, and what they cannot take waits or is told to come again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from tests.doubles.http_servers import HTTPServer, Peer
from tests.doubles.real_cluster import POOL, Backend, RealCluster
from tests.doubles.waiting import eventually

pytestmark = pytest.mark.cluster

LIMIT = 8  # in flight on the server, so each node's share is 4
CLIENTS = 20  # of each node, each with one request after the other
WORK_S = 0.02  # how long the server is busy with a request


@pytest.fixture(scope="module")
def cluster(pair: RealCluster) -> RealCluster:
    return pair


class BusyBackend(Backend):
    """A server whose requests to /slow take `WORK_S`, once `release` is set. `peak`: the most that were
    `open` at once since it was reset."""

    peak = 0

    async def _slow(self, request: web.Request) -> web.Response:
        self.open += 1
        self.peak = max(self.peak, self.open)
        try:
            await self.release.wait()
            await asyncio.sleep(WORK_S)
        finally:
            self.open -= 1
        return web.Response()


class Users:
    """Clients of the nodes. `seen`: (node, status) -> answers."""

    def __init__(self, cluster: RealCluster) -> None:
        self.cluster = cluster
        self.seen: Counter[tuple[str, int]] = Counter()
        self._over = False
        self._running: list[asyncio.Task[None]] = []

    def statuses(self) -> set[int]:
        return {status for _, status in self.seen}

    def ask(self, node_id: str, count: int) -> None:
        """Begin so many requests at once."""
        self._running += [asyncio.ensure_future(self._fetch(node_id)) for _ in range(count)]

    def keep_asking(self, node_id: str) -> None:
        """From now on all clients of the node ask, again and again."""
        self._running += [asyncio.ensure_future(self._ask_on(node_id)) for _ in range(CLIENTS)]

    async def _ask_on(self, node_id: str) -> None:
        while not self._over:
            await self._fetch(node_id)

    async def _fetch(self, node_id: str) -> None:
        async with self._session.get(f"{self.cluster.nodes[node_id].url}/slow") as response:
            self.seen[node_id, response.status] += 1
            assert (response.status == 503) == ("Retry-After" in response.headers)

    async def done(self) -> None:
        """Return when each request has its answer; nobody begins another."""
        self._over = True
        await asyncio.gather(*self._running)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[Users]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as self._session:
            yield self


async def say_limit(peer: Peer) -> None:
    """An agent."""
    await peer.send(b"maxconn:%d\n" % LIMIT)
    await peer.close()


@asynccontextmanager
async def limited(
    cluster: RealCluster, *, by_agent: bool = False, **limits: float
) -> AsyncIterator[tuple[BusyBackend, Users]]:
    """A server that takes so much, on both nodes, and their clients."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(BusyBackend("a", cluster.redis.url).running())
        if by_agent:
            agent = await stack.enter_async_context(HTTPServer(say_limit))
            asked = {"port": agent.address.port, "interval_s": 0.2}
            await cluster.configure(health=POOL["health"] | {"agent": asked}, limits=limits)
        else:
            await cluster.configure(limits={"server_requests": LIMIT, **limits})
        await cluster.ready("a")
        for node in cluster.nodes.values():
            await eventually(lambda node=node: metric(node.admin, 'queue_length{pool="web"}'))
        yield server, await stack.enter_async_context(Users(cluster).at_work())


async def metric(admin: int, sample: str) -> str:
    """A sample of a node's metrics; empty without one."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{admin}/metrics") as found:
        lines = (await found.text()).splitlines()
    return next((line.rpartition(" ")[2] for line in lines if line.startswith(f"cluster_lb_{sample}")), "")


async def peak_of_now(server: BusyBackend, users: Users) -> int:
    """The most that are at the server at once while each node gets 100 more answers."""
    before = users.seen.copy()
    server.peak = 0
    await eventually(lambda: all(users.seen[key] > count + 100 for key, count in before.items()))
    return server.peak


@pytest.mark.parametrize("by_agent", [False, True], ids=["a setting", "its agent"])
async def test_a_server_gets_from_both_nodes_together_what_its_limit_says(
    cluster: RealCluster, by_agent: bool
) -> None:
    async with limited(cluster, by_agent=by_agent, queue_timeout_s=120) as (server, users):
        server.release.set()
        users.keep_asking("n1")
        await eventually(lambda: users.seen["n1", 200] > 200)
        assert server.peak == LIMIT  # a node alone takes all of it, and not one more

        users.keep_asking("n2")
        await eventually(lambda: users.seen["n2", 200])  # which has its share at once
        assert server.peak <= 2 * LIMIT

        async def shared() -> bool:
            return await peak_of_now(server, users) == LIMIT

        await eventually(shared, 30.0)
        await users.done()
        assert users.statuses() == {200}
        assert server.open == 0


async def test_what_no_queue_takes_is_told_to_come_again_and_the_rest_is_served(cluster: RealCluster) -> None:
    async with limited(cluster, queue=3, queue_timeout_s=120) as (server, users):
        users.ask("n1", LIMIT)
        await eventually(lambda: server.open == LIMIT)
        users.ask("n1", 5)
        await eventually(lambda: users.seen["n1", 503] == 2)  # three of the five wait
        users.ask("n2", 2 * LIMIT)
        await eventually(lambda: users.seen["n2", 503])
        await eventually(
            lambda: server.open >= LIMIT + LIMIT // 2
        )  # its share, although the other node has all
        server.release.set()
        await users.done()
        assert users.seen["n1", 200] == LIMIT + 3
        assert LIMIT // 2 + 3 <= users.seen["n2", 200] <= LIMIT + 3
        assert users.statuses() == {200, 503}


async def test_who_waits_longer_than_the_timeout_is_told_to_come_again(cluster: RealCluster) -> None:
    async with limited(cluster, queue_timeout_s=0.5) as (server, users):
        users.ask("n2", LIMIT + 4)
        await eventually(lambda: users.seen["n2", 503] == 4)
        assert server.open == LIMIT
        assert await metric(cluster.nodes["n2"].admin, 'queue_timeouts_total{pool="web"}') == "4.0"
        server.release.set()
        await users.done()
        assert users.seen["n2", 200] == LIMIT
