"""A key that all ask for: with a balance factor no server gets more of it than its bound, over all nodes."""

from __future__ import annotations

import asyncio
from math import ceil

import aiohttp
import pytest

from tests.doubles.real_cluster import RealCluster, backends
from tests.doubles.waiting import eventually

pytestmark = pytest.mark.cluster

EACH = 12  # requests of the hot key through each node, all under way at once


@pytest.mark.parametrize(
    ("factor", "least", "most"), [(0.0, 3 * EACH, 3 * EACH), (1.25, 3 * EACH / 4, ceil(1.25 * 3 * EACH / 4))]
)
async def test_a_hot_key_goes_to_as_many_servers_as_it_needs(
    cluster: RealCluster, factor: float, least: float, most: int
) -> None:
    await cluster.configure(policy="consistent_hash", hash_key="query:id", balance_factor=factor)
    async with backends(cluster.redis.url, dict.fromkeys("abcd", 1)) as servers:
        await cluster.ready(*"abcd")
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            urls = [node.url for node in cluster.nodes.values() for _ in range(EACH)]
            held = [asyncio.ensure_future(_ask(session, url)) for url in urls]
            await eventually(lambda: sum(server.open for server in servers.values()) == len(held))
            busiest = max(server.open for server in servers.values())
            for server in servers.values():
                server.release.set()
            assert await asyncio.gather(*held) == [200] * len(held)
    assert least <= busiest <= most


async def _ask(session: aiohttp.ClientSession, url: str) -> int:
    async with session.get(f"{url}/slow?id=hot") as response:
        return response.status
