"""Three nodes share what comes in over the servers exactly, and all obey an operator at once."""

from __future__ import annotations

import asyncio
import sys

import pytest

from tests.doubles.real_cluster import RealCluster, backends
from tests.doubles.waiting import eventually

pytestmark = pytest.mark.cluster


async def test_uneven_traffic_over_three_nodes_gives_each_server_its_weight(cluster: RealCluster) -> None:
    async with backends(cluster.redis.url, {"a": 5, "b": 1, "c": 1}):
        await cluster.ready("a", "b", "c")
        served = await cluster.send({"n1": 500, "n2": 150, "n3": 50})
    for server_id, exact in {"a": 500, "b": 100, "c": 100}.items():
        assert abs(served[server_id] - exact) < 6, served


async def test_a_drained_server_gets_nothing_new_on_any_node_until_it_is_ready_again(
    cluster: RealCluster,
) -> None:
    each = {"n1": 20, "n2": 20, "n3": 20}
    async with backends(cluster.redis.url, {"a": 1, "b": 1, "c": 1}):
        await cluster.ready("a", "b", "c")
        await _operate(cluster, "drain", "web", "a", "--wait")
        assert (await cluster.send(each)).keys() == {"b", "c"}
        await _operate(cluster, "ready", "web", "a", "--wait")
        assert (await cluster.send(each)).keys() == {"a", "b", "c"}


async def test_an_operators_weight_is_obeyed_by_all_nodes(cluster: RealCluster) -> None:
    async with backends(cluster.redis.url, {"a": 1, "b": 1}):
        await cluster.ready("a", "b")
        await _operate(cluster, "weight", "web", "a", "3", "--wait")
        served = await cluster.send({"n1": 40, "n2": 40, "n3": 40})
        assert abs(served["a"] - 90) < 6
        await _operate(cluster, "remove", "web", "a")


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


async def _operate(cluster: RealCluster, *arguments: str) -> None:
    """`cluster-lb server ...`; it must end well."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "cluster_lb", "server", *arguments, "--redis", cluster.redis.url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
