"""What a server says of itself is obeyed by every node."""

from __future__ import annotations

import pytest

from tests.doubles.real_cluster import RealCluster, backends
from tests.doubles.waiting import eventually

pytestmark = pytest.mark.cluster

EACH = {"n1": 20, "n2": 20, "n3": 20}


async def test_a_server_that_drains_or_is_down_gets_nothing_new_from_any_node(cluster: RealCluster) -> None:
    async with backends(cluster.redis.url, {"a": 1, "b": 1, "c": 1}) as servers:
        await cluster.ready("a", "b", "c")
        said = servers["a"].registration
        async with cluster.under_load() as tally:
            for state in ("drain", "down"):
                said.report_state(state, "deploying")
                await eventually(lambda state=state: _knows(cluster, "a", state))
                assert "a" not in await cluster.send(EACH)
                said.report_state("up")
                await cluster.ready("a", "b", "c")
                await eventually(lambda: _knows(cluster, "a", "up"))
                assert "a" in await cluster.send(EACH)
        assert tally.failed == 0, tally.problems


async def test_a_busy_server_rests_until_most_are_busy(cluster: RealCluster) -> None:
    async with backends(cluster.redis.url, {"a": 1, "b": 1, "c": 1}) as servers:
        await cluster.ready("a", "b", "c")
        servers["a"].registration.report_state("busy")
        await eventually(lambda: _knows(cluster, "a", "busy"))
        assert (await cluster.send(EACH)).keys() == {"b", "c"}
        servers["b"].registration.report_state("busy")
        await eventually(lambda: _knows(cluster, "b", "busy"))
        assert (await cluster.send(EACH)).keys() == {"a", "b", "c"}


async def _knows(cluster: RealCluster, server_id: str, state: str) -> bool:
    """Whether all nodes have heard this of the server, and serve the epoch in which they did."""
    servers = await cluster.agreed()
    return server_id in servers and servers[server_id]["state"] == state
