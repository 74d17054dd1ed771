"""Backups serve when too few primaries do, and not a moment longer."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from tests.doubles.real_cluster import Backend, RealCluster
from tests.doubles.waiting import eventually

pytestmark = pytest.mark.cluster

PRIORITIES = {"p0": 0, "p1": 0, "first": 1, "second": 2}


@pytest.fixture(scope="module")
def cluster(pair: RealCluster) -> RealCluster:
    return pair


async def test_backups_fill_in_group_by_group_without_a_failed_request(cluster: RealCluster) -> None:
    await cluster.configure(backup_below=0.6)
    async with AsyncExitStack() as stack:
        servers = {
            name: Backend(name, cluster.redis.url, priority=priority) for name, priority in PRIORITIES.items()
        }
        for server in servers.values():
            await stack.enter_async_context(server.running())
        await cluster.ready(*servers)
        async with cluster.under_load() as tally:
            await _is_served_by(cluster, "p0", "p1")
            servers["p0"].healthy = False
            await _is_served_by(cluster, "p1", "first")
            servers["p1"].healthy = False
            await _is_served_by(cluster, "first", "second")
            servers["p0"].healthy = servers["p1"].healthy = True
            await _is_served_by(cluster, "p0", "p1")
        assert (tally.failed, tally.moved) == (0, 0), tally.problems


async def _is_served_by(cluster: RealCluster, *names: str) -> None:
    """Return when all nodes send to just these servers, and say so."""

    async def served() -> bool:
        return (await cluster.send({"n1": 8, "n2": 8})).keys() == set(names)

    await eventually(served)
    pool = await cluster.nodes["n1"].ask("/v1/pools/web")
    assert pool["backups_serve"] is ("first" in names)
