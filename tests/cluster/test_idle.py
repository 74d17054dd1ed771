"""After a burst of work nothing is left over: no request counted, no connection, no file descriptor."""

from __future__ import annotations

import pytest

from tests.doubles.real_cluster import NodeProcess, RealCluster, backends
from tests.doubles.redis_servers import ask
from tests.doubles.waiting import eventually

pytestmark = pytest.mark.cluster

REQUESTS = 1200  # some seconds of all that the machine can do


async def test_a_cluster_that_fell_idle_holds_nothing(cluster: RealCluster) -> None:
    nodes = list(cluster.nodes.values())
    async with backends(cluster.redis.url, {"a": 1, "b": 1, "c": 1}):
        await cluster.ready("a", "b", "c")
        await cluster.send({node.id: 10 for node in nodes})
        files = [node.files() for node in nodes]

        await cluster.send({node.id: REQUESTS // 3 for node in nodes}, concurrency=48)

        for node in nodes:
            await eventually(lambda node=node: _in_flight_nowhere(node))
        await eventually(lambda: ask(cluster.redis.port, "HLEN", "lb:{web}:load") == "0")
        for node in nodes:  # what is there now must go, but for a connection to each server that probes keep
            now = node.connections(but=cluster.redis.port)
            await eventually(
                lambda node=node, now=now: len(now & node.connections(but=cluster.redis.port)) <= 3
            )
        await eventually(lambda: [node.files() for node in nodes] == files)


async def _in_flight_nowhere(node: NodeProcess) -> bool:
    return all(server["in_flight"] == 0 for server in (await node.servers()).values())
