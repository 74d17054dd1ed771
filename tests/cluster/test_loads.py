"""Nodes tell one another what they have in flight and how long it takes, and pick by it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from cluster_lb.settings.policies import PolicyName
from tests.doubles.real_cluster import Backend, NodeProcess, RealCluster
from tests.doubles.waiting import eventually

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def cluster(pair: RealCluster) -> RealCluster:
    return pair


class SlowBackend(Backend):
    """A server that takes its time with each answer."""

    async def _answer(self, request: web.Request) -> web.Response:
        await asyncio.sleep(1.0)  # more than a busy machine makes the other one late
        return await super()._answer(request)


@asynccontextmanager
async def held_at(server: Backend, node: NodeProcess, count: int) -> AsyncIterator[None]:
    """So many requests of one node are under way at a server that is the only one."""
    async with aiohttp.ClientSession() as session:
        held = [asyncio.ensure_future(_fetch(session, f"{node.url}/slow")) for _ in range(count)]
        await eventually(lambda: server.open == count)
        yield
        server.release.set()
        assert await asyncio.gather(*held) == [200] * count


async def _fetch(session: aiohttp.ClientSession, url: str) -> int:
    async with session.get(url) as response:
        return response.status


async def latency(node: NodeProcess, server_id: str) -> float:
    """What a node's metrics say of a server; 0 without it."""
    wanted = f'cluster_lb_server_latency_seconds{{pool="web",server="{server_id}"}} '
    url = f"http://127.0.0.1:{node.admin}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as found:
        lines = (await found.text()).splitlines()
    return next((float(line.removeprefix(wanted)) for line in lines if line.startswith(wanted)), 0.0)


async def served(cluster: RealCluster, node_id: str, count: int) -> Counter[str]:
    """Which servers answered so many requests through one node, one after the other."""
    return await cluster.send({node_id: count}, concurrency=1)


@pytest.mark.parametrize("policy", ["least_requests", "two_choices"])
async def test_a_server_that_one_node_keeps_busy_is_avoided_by_the_other(
    cluster: RealCluster, policy: PolicyName
) -> None:
    await cluster.configure(policy=policy)
    n1 = cluster.nodes["n1"]
    async with Backend("a", cluster.redis.url).running() as a:
        await cluster.ready("a")
        async with held_at(a, n1, 8), Backend("b", cluster.redis.url).running():
            await cluster.ready("a", "b")

            async def all_go_to_b() -> bool:
                return await served(cluster, "n2", 12) == {"b": 12}

            await eventually(all_go_to_b)


async def test_a_slow_server_that_one_node_has_met_is_avoided_by_the_other(cluster: RealCluster) -> None:
    await cluster.configure(policy="least_time")
    n2 = cluster.nodes["n2"]
    async with SlowBackend("a", cluster.redis.url).running(), Backend("b", cluster.redis.url).running():
        await cluster.ready("a", "b")
        assert await served(cluster, "n1", 30) == {"a": 1, "b": 29}
        await eventually(lambda: _knows_both(n2))
        assert await latency(n2, "b") < await latency(n2, "a")
        assert await served(cluster, "n2", 30) == {"b": 30}


async def _knows_both(node: NodeProcess) -> bool:
    return 0.0 not in (await latency(node, "a"), await latency(node, "b"))
