"""Three nodes share what comes in over the servers exactly, and all obey an operator at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cluster_lb.cli.waiting import wait_for_nodes
from cluster_lb.model.availability import AdminState
from cluster_lb.store.client import Store
from cluster_lb.store.registry import Registry
from tests.doubles.real_cluster import START_S, RealCluster, backends
from tests.doubles.waiting import eventually

pytestmark = pytest.mark.cluster


async def test_uneven_traffic_over_three_nodes_gives_each_server_its_weight(cluster: RealCluster) -> None:
    async with backends(cluster.redis.url, {"a": 5, "b": 1, "c": 1}):
        await cluster.ready("a", "b", "c")
        served = await cluster.send({"n1": 250, "n2": 75, "n3": 25})
    for server_id, exact in {"a": 250, "b": 50, "c": 50}.items():
        assert abs(served[server_id] - exact) < 6, served


async def test_a_drained_server_gets_nothing_new_on_any_node_until_it_is_ready_again(
    cluster: RealCluster,
) -> None:
    each = {"n1": 20, "n2": 20, "n3": 20}
    async with backends(cluster.redis.url, {"a": 1, "b": 1, "c": 1}):
        await cluster.ready("a", "b", "c")
        await _operate(cluster, lambda registry: registry.set_admin_state("web", "a", AdminState.DRAIN))
        assert (await cluster.send(each)).keys() == {"b", "c"}
        await _operate(cluster, lambda registry: registry.set_admin_state("web", "a", AdminState.READY))
        assert (await cluster.send(each)).keys() == {"a", "b", "c"}


async def test_an_operators_weight_is_obeyed_by_all_nodes(cluster: RealCluster) -> None:
    async with backends(cluster.redis.url, {"a": 1, "b": 1}):
        await cluster.ready("a", "b")
        await _operate(cluster, lambda registry: registry.set_weight("web", "a", 3))
        served = await cluster.send({"n1": 40, "n2": 40, "n3": 40})
        assert abs(served["a"] - 90) < 6


async def test_a_node_with_command_line_options_alone_joins_the_cluster(cluster: RealCluster) -> None:
    async with backends(cluster.redis.url, {"a": 1, "b": 1}):
        joined = cluster.start_node("n4", "--zone", "z")
        try:
            await cluster.ready("a", "b")
            assert await joined.knows("n1", "n2", "n3", "n4")
            assert (await cluster.send({"n4": 20})).keys() == {"a", "b"}
        finally:
            joined.child.popen.terminate()
            assert await asyncio.to_thread(joined.child.popen.wait) == 0
            del cluster.nodes["n4"]
        await eventually(lambda: cluster.nodes["n1"].knows("n1", "n2", "n3"))


async def _operate(cluster: RealCluster, change: Callable[[Registry], Awaitable[None]]) -> None:
    """What `cluster-lb server ... --wait` does: return when all nodes obey."""
    async with Store.from_url(cluster.redis.url, command_timeout_s=5.0) as store:
        registry = Registry(store)
        await change(registry)
        await wait_for_nodes(registry, "web", "a", START_S, must_empty=False)
