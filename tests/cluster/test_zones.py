"""Nodes in two zones prefer the servers of their own, as far as these have room, and do without them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tests.doubles.real_cluster import START_S, Backend, RealCluster, real_cluster
from tests.doubles.waiting import eventually

pytestmark = pytest.mark.cluster

IDS = ("a0", "a1", "a2", "b0", "b1", "b2")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    with real_cluster(tmp_path_factory.mktemp("cluster"), []) as running:
        running.start_node("na", "--zone", "a")
        running.start_node("nb", "--zone", "b")
        yield running


@asynccontextmanager
async def servers(cluster: RealCluster, *names: str) -> AsyncIterator[None]:
    """So named after their zones, beside others that run already."""
    # Half of the servers die: one more late probe, on a busy machine, and health would be ignored.
    await cluster.configure(zone_aware={"enabled": True, "min_servers": 2}, panic_threshold=0.2)
    async with AsyncExitStack() as stack:
        for name in names:
            backend = Backend(name, cluster.redis.url, zone=name[0])
            await stack.enter_async_context(backend.running())
        await cluster.ready(*IDS)
        yield


async def test_each_node_has_its_own_zone_served_evenly(cluster: RealCluster) -> None:
    async with servers(cluster, *IDS):
        for zone in "ab":  # until each knows of the other
            await eventually(lambda zone=zone: _sent_by(cluster, f"n{zone}", {zone: 12}), START_S)
        assert await cluster.send({"na": 60}) == {"a0": 20, "a1": 20, "a2": 20}
        assert await cluster.send({"nb": 60}) == {"b0": 20, "b1": 20, "b2": 20}


async def test_what_a_zone_with_more_nodes_cannot_take_goes_to_the_other(cluster: RealCluster) -> None:
    async with servers(cluster, *IDS):
        joined = cluster.start_node("nc", "--zone", "a")
        try:
            await cluster.ready(*IDS)
            # Two of three nodes for half of the servers: three quarters stay.
            assert await eventually(lambda: _sent_by(cluster, "na", {"a": 90, "b": 30}))
            assert await eventually(lambda: _sent_by(cluster, "nb", {"b": 120}))
        finally:
            joined.child.kill()
            del cluster.nodes["nc"]
        await eventually(lambda: _sent_by(cluster, "na", {"a": 120}), within_s=START_S)


async def test_no_request_fails_when_all_servers_of_a_zone_die(cluster: RealCluster) -> None:
    victims = [cluster.start_server(name, zone="a") for name in IDS[:3]]
    async with servers(cluster, *IDS[3:]):
        async with cluster.under_load() as tally:
            for victim in victims:
                victim.popen.kill()
            await eventually(lambda: _is_down(cluster, *IDS[:3]))
        assert (tally.failed, tally.moved) == (0, 0), tally.problems
        assert (await cluster.send({"na": 30, "nb": 30})).keys() == {"b0", "b1", "b2"}


async def _sent_by(cluster: RealCluster, node: str, expected: dict[str, int]) -> bool:
    served = await cluster.send({node: sum(expected.values())})
    by_zone = {zone: sum(n for name, n in served.items() if name[0] == zone) for zone in "ab"}
    return {zone: count for zone, count in by_zone.items() if count} == expected


async def _is_down(cluster: RealCluster, *names: str) -> bool:
    seen = [await node.servers() for node in cluster.nodes.values()]
    return all(name not in servers or servers[name]["health"] == "DOWN" for servers in seen for name in names)
