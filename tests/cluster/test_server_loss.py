"""A server that dies under load is nobody's failed request."""

from __future__ import annotations

import pytest

from tests.doubles.real_cluster import RealCluster, backends
from tests.doubles.waiting import eventually

pytestmark = pytest.mark.cluster


async def test_no_request_fails_when_one_of_four_servers_is_killed(cluster: RealCluster) -> None:
    victim = cluster.start_server("d")
    async with backends(cluster.redis.url, {"a": 1, "b": 1, "c": 1}):
        await cluster.ready("a", "b", "c", "d")
        async with cluster.under_load() as tally:
            assert await eventually(lambda: tally.by_server["d"])
            victim.kill()
            await eventually(lambda: _is_gone(cluster, "d"), within_s=20.0)
    assert (tally.failed, tally.moved) == (0, 0), tally.problems


async def _is_gone(cluster: RealCluster, server_id: str) -> bool:
    """Whether its lease ended, and the nodes retired it."""
    return all([server_id not in await node.servers() for node in cluster.nodes.values()])
