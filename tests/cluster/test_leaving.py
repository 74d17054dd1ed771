"""A node that is told to stop finishes what runs, and clients lose nothing."""

from __future__ import annotations

import asyncio
import signal

import pytest

from cluster_lb.demo.client import Client
from tests.doubles.real_cluster import NodeProcess, RealCluster, backends
from tests.doubles.waiting import eventually

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def cluster(own_cluster: RealCluster) -> RealCluster:
    return own_cluster


async def test_no_request_fails_when_a_node_is_told_to_stop_under_load(cluster: RealCluster) -> None:
    leaving = cluster.nodes["n1"]
    async with backends(cluster.redis.url, {"a": 1, "b": 1, "c": 1}) as servers:
        await cluster.ready("a", "b", "c")
        async with cluster.under_load() as tally, Client({"n1": leaving.url}) as client:
            running = asyncio.ensure_future(client.fetch(["n1"], "/slow"))
            await eventually(lambda: any(server.open for server in servers.values()))

            leaving.child.send(signal.SIGTERM)
            await eventually(lambda: _is_draining(leaving))
            assert leaving.child.runs
            for server in servers.values():
                server.release.set()
            assert (await running).ok
            await eventually(lambda: not leaving.child.runs)
            assert leaving.child.popen.returncode == 0
            del cluster.nodes["n1"]
            await eventually(lambda: cluster.nodes["n2"].knows("n2", "n3"))
    assert tally.failed == 0, tally.problems


async def test_a_second_signal_ends_a_node_at_once(cluster: RealCluster) -> None:
    leaving = cluster.nodes["n2"]
    async with backends(cluster.redis.url, {"a": 1}) as servers, Client({"n2": leaving.url}) as client:
        await cluster.ready("a")
        running = asyncio.ensure_future(client.fetch(["n2"], "/slow"))
        await eventually(lambda: servers["a"].open)
        leaving.child.send(signal.SIGTERM)
        await eventually(lambda: _is_draining(leaving))
        leaving.child.send(signal.SIGTERM)
        await eventually(lambda: not leaving.child.runs)
        assert leaving.child.popen.returncode == 0
        assert not (await running).ok


def _is_draining(node: NodeProcess) -> bool:
    """Whether it says that it drains."""
    return "draining" in node.child.log.read_text()
