"""A routing table is applied: all nodes route by it, and what is under way ends as it began."""

from __future__ import annotations

import asyncio
from collections import Counter

import aiohttp
import pytest

from cluster_lb.settings.schema import RouteSettings
from tests.doubles.real_cluster import Backend, NodeProcess, RealCluster, backends
from tests.doubles.waiting import eventually

pytestmark = pytest.mark.cluster

CANARY = [
    {"name": "canary", "pools": {"web": 3, "canary": 1}},
    {"host": "old.example", "redirect": {"location": "https://new.example{uri}"}},
]
CLOSED = [{"name": "canary", "respond": {"status": 410, "body": "closed"}}]


async def apply(cluster: RealCluster, routes: list[dict[str, object]]) -> None:
    await cluster.configure(routes=[RouteSettings.model_validate(route) for route in routes])


async def status(session: aiohttp.ClientSession, node: NodeProcess, host: str) -> int:
    async with session.get(node.url, headers={"Host": host}, allow_redirects=False) as response:
        return response.status


async def test_all_nodes_follow_an_applied_table(cluster: RealCluster) -> None:
    async with (
        backends(cluster.redis.url, {"a": 1}) as servers,
        Backend("c", cluster.redis.url, pool="canary").running() as canary,
        aiohttp.ClientSession() as session,
    ):
        canary.release.set()
        await cluster.ready("a")
        await apply(cluster, CANARY)
        for node in cluster.nodes.values():
            await eventually(lambda node=node: _routes_and_serves(session, node))
            served: Counter[str] = Counter()
            for _ in range(20):
                async with session.get(node.url) as response:
                    served[(await response.text()).split()[0]] += 1
            assert served == {"a": 15, "c": 5}
            async with session.get(
                node.url + "/x?y=1", headers={"Host": "old.example:80"}, allow_redirects=False
            ) as response:
                assert response.status == 308
                assert response.headers["Location"] == "https://new.example/x?y=1"
        slow = asyncio.ensure_future(_slow(session, cluster.nodes["n1"], servers["a"]))
        await eventually(lambda: servers["a"].open == 1)
        await apply(cluster, CLOSED)
        for node in cluster.nodes.values():
            await eventually(lambda node=node: _answers(session, node, 410))
        servers["a"].release.set()
        assert await slow == "a"


async def _routes_and_serves(session: aiohttp.ClientSession, node: NodeProcess) -> bool:
    """Whether it has the table, and a server of each pool; four requests are one period of the weights."""
    if await status(session, node, "old.example") != 308:
        return False
    return [await status(session, node, "a") for _ in range(4)] == [200] * 4


async def _answers(session: aiohttp.ClientSession, node: NodeProcess, wanted: int) -> bool:
    return await status(session, node, "a") == wanted


async def _slow(session: aiohttp.ClientSession, node: NodeProcess, server: Backend) -> str:
    """A request that server `a` holds until it is released, whichever server takes the ones before."""
    while True:
        async with session.get(node.url + "/slow") as response:
            text = (await response.text()).split()[0]
            if text == server.id:
                return text
