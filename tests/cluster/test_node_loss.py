"""A node that dies: its clients go to the others, and nothing of it counts when its lease has ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.doubles.real_cluster import NodeProcess, RealCluster, backends
from tests.doubles.waiting import eventually

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def cluster(own_cluster: RealCluster) -> RealCluster:
    return own_cluster


NOTICE_S = 40.0  # the lease of a node is 5 s, and the machine does other things


async def test_the_others_forget_killed_nodes_membership_load_and_votes(cluster: RealCluster) -> None:
    dead, *left = cluster.nodes.values()
    async with backends(cluster.redis.url, {"a": 1, "b": 1, "c": 1}) as servers:
        await cluster.ready("a", "b", "c")
        async with _open_request(dead), cluster.under_load() as tally:
            held = await eventually(lambda: next((s.id for s in servers.values() if s.open), None))
            await eventually(lambda: _in_flight(left[0], held))

            dead.child.kill()
            for node in left:
                await eventually(lambda node=node: node.knows("n2", "n3"), NOTICE_S)
            await eventually(lambda: _nothing_in_flight(left[0], held), NOTICE_S)
            assert tally.failed == 0, tally.problems

        left[0].child.kill()
        last = left[1]
        await eventually(lambda: last.knows("n3"), NOTICE_S)
        servers[
            "a"
        ].healthy = False  # the last votes of the two dead nodes were UP: they would be the majority
        await eventually(lambda: _health_is(last, "a", "DOWN"))
        servers["a"].healthy = True
        await eventually(lambda: _health_is(last, "a", "UP"))


@contextlib.asynccontextmanager
async def _open_request(node: NodeProcess) -> AsyncIterator[None]:
    """A request through `node` that no server answers."""

    async def ask() -> None:
        with contextlib.suppress(aiohttp.ClientError):
            async with aiohttp.ClientSession() as session, session.get(node.url + "/slow"):
                pass

    asking = asyncio.ensure_future(ask())
    try:
        yield
    finally:
        asking.cancel()


async def _health_is(node: NodeProcess, server_id: str, health: str) -> bool:
    return (await node.servers())[server_id]["health"] == health


async def _in_flight(node: NodeProcess, server_id: str) -> int:
    """Attempts over all live nodes."""
    attempts: int = (await node.servers())[server_id]["in_flight"]
    return attempts


async def _nothing_in_flight(node: NodeProcess, server_id: str) -> bool:
    return await _in_flight(node, server_id) == 0
