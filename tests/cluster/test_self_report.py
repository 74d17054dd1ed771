"""What a server says of itself is obeyed by every node."""

from __future__ import annotations

import json

import pytest

from cluster_lb.early_words import WORD_S
from cluster_lb.store.client import Store
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


async def test_a_hint_is_obeyed_before_there_is_a_snapshot_that_says_so(cluster: RealCluster) -> None:
    """None comes in this case: the hint is of an epoch that Redis does not have."""
    async with backends(cluster.redis.url, {"a": 1, "b": 1}):
        await cluster.ready("a", "b")
        async with Store.from_url(cluster.redis.url, command_timeout_s=5.0) as store:

            async def is_obeyed() -> bool:
                epoch = int(await store.call("GET", "lb:{web}:epoch")) + 1
                hint = {"pool": "web", "epoch": epoch, "what": "state", "server": "a", "takes": "refuses"}
                await store.call("PUBLISH", "lb:events", json.dumps(hint))
                return (await cluster.send(EACH)).keys() == {"b"}

            await eventually(is_obeyed, WORD_S)
            await eventually(lambda: _serves_all(cluster))


async def _serves_all(cluster: RealCluster) -> bool:
    return (await cluster.send(EACH)).keys() == {"a", "b"}


async def _knows(cluster: RealCluster, server_id: str, state: str) -> bool:
    """Whether all nodes have heard this of the server, and serve the epoch in which they did."""
    servers = await cluster.agreed()
    return server_id in servers and servers[server_id]["state"] == state
