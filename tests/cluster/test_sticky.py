"""Clients of two nodes keep their servers: whichever node they ask, through a drain, until it is in vain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest

from cluster_lb.cli.waiting import wait_for_nodes
from cluster_lb.demo.children import Child
from cluster_lb.model.availability import AdminState
from cluster_lb.store.client import Store
from cluster_lb.store.registry import Registry
from tests.doubles.real_cluster import RealCluster, backends
from tests.doubles.waiting import eventually

pytestmark = pytest.mark.cluster

CLIENTS = 9


@pytest.fixture(scope="module")
def cluster(pair: RealCluster) -> RealCluster:
    return pair


class Client:
    """One with a jar of its own. `cookies`: how often it was given one."""

    def __init__(self, cluster: RealCluster, session: aiohttp.ClientSession) -> None:
        self._cluster = cluster
        self._session = session
        self.cookies = 0

    async def ask(self, node_id: str) -> str:
        """The server that answers through that node."""
        async with self._session.get(self._cluster.nodes[node_id].url, raise_for_status=True) as response:
            self.cookies += "Set-Cookie" in response.headers
            return (await response.text()).split()[0]

    async def server(self) -> str:
        """The server that answers, the same on both nodes and each time."""
        (server_id,) = {await self.ask(node_id) for node_id in ("n1", "n2", "n2", "n1")}
        return server_id


class Users:
    """Clients and what an operator does."""

    def __init__(self, cluster: RealCluster, store: Store, stack: AsyncExitStack) -> None:
        self.cluster = cluster
        self._registry = Registry(store)
        self._stack = stack

    async def arrive(self, count: int) -> list[Client]:
        """So many new clients."""
        return [await self._arrive() for _ in range(count)]

    async def _arrive(self) -> Client:
        session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        return Client(self.cluster, await self._stack.enter_async_context(session))

    async def mark(self, server_id: str, state: AdminState) -> None:
        """Return when all nodes obey."""
        await self._registry.set_admin_state("web", server_id, state)
        await wait_for_nodes(self._registry, "web", server_id, 10.0, must_empty=False)


@asynccontextmanager
async def sticky(cluster: RealCluster, *killed: str) -> AsyncIterator[tuple[Users, dict[str, Child]]]:
    """Three servers, those in `killed` as processes of their own, in a sticky pool."""
    children = {server_id: cluster.start_server(server_id) for server_id in killed}
    here = {server_id: 1 for server_id in "abc" if server_id not in killed}
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(backends(cluster.redis.url, here))
        store = await stack.enter_async_context(Store.from_url(cluster.redis.url, command_timeout_s=5.0))
        await cluster.configure(sticky={})

        async def has_secret() -> bool:
            reading = await Registry(store).read_pool("web")
            return reading is not None and bool(reading.snapshot.sticky_secrets)

        await eventually(has_secret)
        await cluster.ready("a", "b", "c")
        yield Users(cluster, store, stack), children


async def test_a_client_keeps_its_server_on_every_node(cluster: RealCluster) -> None:
    async with sticky(cluster) as (users, _):
        clients = await users.arrive(CLIENTS)
        servers = [await client.server() for client in clients]
        assert set(servers) == {"a", "b", "c"}
        assert await asyncio.gather(*(client.server() for client in clients)) == servers
        assert {client.cookies for client in clients} == {1}


async def test_clients_stay_while_their_server_drains_and_move_when_it_is_in_maintenance(
    cluster: RealCluster,
) -> None:
    async with sticky(cluster) as (users, _):
        clients = await users.arrive(CLIENTS)
        before = [await client.server() for client in clients]

        await users.mark("a", AdminState.DRAIN)
        assert [await client.server() for client in clients] == before
        assert "a" not in {await client.server() for client in await users.arrive(CLIENTS)}

        await users.mark("a", AdminState.MAINT)
        moved = [await client.server() for client in clients]
        assert "a" not in moved
        assert all(was in ("a", now) for was, now in zip(before, moved, strict=True))
        assert [client.cookies for client in clients] == [2 if was == "a" else 1 for was in before]

        await users.mark("a", AdminState.READY)
        assert [await client.server() for client in clients] == moved


async def test_clients_of_a_killed_server_move_once_and_stay_there(cluster: RealCluster) -> None:
    async with sticky(cluster, "c") as (users, children):
        clients = await users.arrive(CLIENTS)
        before = [await client.server() for client in clients]
        assert "c" in before
        children["c"].kill()
        moved = [await client.server() for client in clients]
        assert "c" not in moved
        assert all(was in ("c", now) for was, now in zip(before, moved, strict=True))
        assert [await client.server() for client in clients] == moved
        assert [client.cookies for client in clients] == [2 if was == "c" else 1 for was in before]
