"""Redis freezes, dies, comes back empty: traffic goes on, and what comes after is heard at once."""

from __future__ import annotations

import asyncio

import pytest

from tests.doubles.real_cluster import Backend, RealCluster, backends
from tests.doubles.redis_servers import ask
from tests.doubles.waiting import eventually

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def cluster(own_cluster: RealCluster) -> RealCluster:
    return own_cluster


FROZEN_S = 8.0  # longer than every lease


async def test_no_request_fails_while_redis_is_frozen_and_a_new_server_is_used_soon_after(
    cluster: RealCluster,
) -> None:
    async with backends(cluster.redis.url, {"a": 1, "b": 1, "c": 1}):
        await cluster.ready("a", "b", "c")
        async with cluster.under_load() as tally:
            cluster.redis.freeze()
            await asyncio.sleep(FROZEN_S)
            cluster.redis.thaw()
            async with Backend("late", cluster.redis.url).running():
                await eventually(lambda: tally.by_server["late"])
    assert (tally.failed, tally.moved) == (0, 0), tally.problems


async def test_a_redis_that_comes_back_empty_loses_no_server_and_no_request(cluster: RealCluster) -> None:
    async with backends(cluster.redis.url, {"a": 1, "b": 1, "c": 1}):
        await cluster.ready("a", "b", "c")
        async with cluster.under_load() as tally:
            cluster.redis.restart_empty()
            await eventually(lambda: ask(cluster.redis.port, "ZCARD", "lb:{web}:servers") == "3")
            await eventually(lambda: ask(cluster.redis.port, "ZCARD", "lb:members") == "3")
            await cluster.ready("a", "b", "c")
            before = tally.by_server.copy()
            await eventually(lambda: len(tally.by_server - before) == 3)
    assert (tally.failed, tally.moved) == (0, 0), tally.problems
