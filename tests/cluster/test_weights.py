"""Weights in force on real nodes: a hot server gets fewer requests, a new one begins slowly."""

from __future__ import annotations

import pytest

from cluster_lb.store.client import Store
from tests.doubles.real_cluster import Backend, RealCluster, backends
from tests.doubles.waiting import eventually

pytestmark = pytest.mark.cluster

RELIEVED_S = 10.0


async def percents(cluster: RealCluster, server_id: str) -> list[int]:
    """What each node has in force of a server's weight; empty while one does not know it."""
    known = [await node.servers() for node in cluster.nodes.values()]
    return [one[server_id]["percent"] for one in known] if all(server_id in one for one in known) else []


async def test_a_server_that_reports_90_percent_cpu_gets_fewer_requests_within_10_s(
    cluster: RealCluster,
) -> None:
    await cluster.configure(weights="adaptive")
    async with backends(cluster.redis.url, {"a": 1, "b": 1, "c": 1}) as servers:
        for server in servers.values():
            server.figures = {"cpu": 0.3}
        await cluster.ready("a", "b", "c")
        servers["a"].figures = {"cpu": 0.9}

        async def relieved() -> bool:
            return bool(found := await percents(cluster, "a")) and max(found) <= 60

        await eventually(relieved, RELIEVED_S)
        shown = (await cluster.nodes["n1"].servers())["a"]
        assert shown["percent_reason"].startswith("cpu 0.90 against 0.3")
        assert shown["effective_weight"] == shown["percent"] / 100
        # So many that the tickets which nodes have begun, a few at each change of weights, do not count.
        served = await cluster.send(dict.fromkeys(cluster.nodes, 200))
        assert served["a"] < 0.75 * min(served["b"], served["c"])


async def test_a_fourth_server_begins_slowly_and_ends_with_its_share(cluster: RealCluster) -> None:
    await cluster.configure(slow_start={"duration_s": 4})
    async with (
        backends(cluster.redis.url, {"a": 1, "b": 1, "c": 1}),
        Store.from_url(cluster.redis.url, command_timeout_s=5.0) as store,
    ):
        await cluster.ready("a", "b", "c")
        for server in "abc":  # where they took their time to come, the first was there long enough to be warm
            await eventually(lambda server=server: _is_warm(cluster, server), 20.0)
        weights = store.keys.pool("web").weights
        await eventually(lambda: store.call("HEXISTS", weights, "entry_percent"), 20.0)
        async with cluster.under_load() as tally, Backend("d", cluster.redis.url).running():
            begun = await eventually(lambda: percents(cluster, "d"))
            assert max(begun) < 100
            before = dict(tally.by_server)

            await eventually(lambda: _is_warm(cluster, "d"), 20.0)
            served = {server: tally.by_server[server] - before.get(server, 0) for server in "ad"}
            assert 0 < served["d"] < 0.9 * served["a"]
            await cluster.ready("a", "b", "c", "d")
        assert not tally.failed, tally.problems


async def _is_warm(cluster: RealCluster, server_id: str) -> bool:
    return set(await percents(cluster, server_id)) == {100}
