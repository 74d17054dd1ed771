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


async def test_an_unhealthy_server_leaves_rotation_but_health_is_ignored_when_most_are(
    cluster: RealCluster,
) -> None:
    each = {"n1": 20, "n2": 20, "n3": 20}
    async with backends(cluster.redis.url, {"a": 1, "b": 1, "c": 1}) as servers:
        await cluster.ready("a", "b", "c")
        servers["a"].healthy = False
        await eventually(lambda: _share_is(cluster, "a", 0.0))
        assert (await cluster.send(each)).keys() == {"b", "c"}

        servers["b"].healthy = False
        await eventually(lambda: _share_is(cluster, "a", 1 / 3))
        assert (await cluster.send(each)).keys() == {"a", "b", "c"}

        servers["a"].healthy = servers["b"].healthy = True
        await cluster.ready("a", "b", "c")


async def _share_is(cluster: RealCluster, server_id: str, share: float) -> bool:
    """Whether all nodes serve the epoch in which the server has this share."""
    servers = await cluster.agreed()
    return server_id in servers and servers[server_id]["share"] == pytest.approx(share, abs=1e-5)
