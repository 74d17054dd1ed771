"""Servers that answer probes and fail requests: ejected once, by all nodes, never all of them; let back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from aiohttp import web

from cluster_lb.demo.traffic import Tally
from cluster_lb.settings.outliers import OutlierSettings
from cluster_lb.store.client import Store
from tests.doubles.real_cluster import Backend, RealCluster
from tests.doubles.waiting import eventually

pytestmark = pytest.mark.cluster

OUTLIERS = OutlierSettings(
    interval_s=2.0, base_ejection_s=2.0, max_ejection_s=60.0, probes_end_it=False, latency_volume=10
)


class FickleBackend(Backend):
    """A server that is well by its own account. `broken`: requests get 500 all the same; `delay_s`: late."""

    broken = False
    delay_s = 0.0

    async def _answer(self, request: web.Request) -> web.Response:
        await asyncio.sleep(self.delay_s)
        return web.Response(status=500) if self.broken else await super()._answer(request)


@asynccontextmanager
async def fickle_backends(cluster: RealCluster, *server_ids: str) -> AsyncIterator[dict[str, FickleBackend]]:
    """Registered and in use, under outlier detection."""
    async with AsyncExitStack() as stack:
        await cluster.configure(outliers=OUTLIERS)
        servers = {server_id: FickleBackend(server_id, cluster.redis.url) for server_id in server_ids}
        for server in servers.values():
            await stack.enter_async_context(server.running())
        await cluster.ready(*server_ids)
        yield servers


async def ejected_on_all(cluster: RealCluster) -> set[str]:
    """The servers that all nodes hold for ejected, at one epoch."""
    return {name for name, server in (await cluster.agreed()).items() if server["share"] == 0}


async def ejections(cluster: RealCluster) -> dict[str, dict[str, object]]:
    async with Store.from_url(cluster.redis.url, command_timeout_s=5.0) as store:
        found = await store.call("HGETALL", "lb:{web}:ejections")
    return {server_id: json.loads(text) for server_id, text in found.items()}


async def test_a_server_that_fails_requests_is_ejected_once_for_all_nodes_and_comes_back(
    cluster: RealCluster,
) -> None:
    async with fickle_backends(cluster, "a", "b", "c", "d") as servers, cluster.under_load() as tally:
        servers["a"].broken = True
        await eventually(lambda: _is(ejected_on_all(cluster), {"a"}), within_s=20.0)
        assert (await ejections(cluster))["a"]["times"] == 1
        assert await _failed_while_out(cluster, "a", tally) <= 16  # what was under way in its 16 clients

        servers["a"].broken = False
        await eventually(lambda: _is(ejected_on_all(cluster), set()), within_s=20.0)
        back = tally.by_server["a"]
        assert await eventually(lambda: tally.by_server["a"] > back)
        assert (await ejections(cluster))["a"]["ended_by"] == "time"


async def test_a_server_that_has_become_slow_is_ejected(cluster: RealCluster) -> None:
    async with fickle_backends(cluster, "s", "t", "u", "v") as servers, cluster.under_load():
        servers["s"].delay_s = 0.4
        await eventually(lambda: _is(ejected_on_all(cluster), {"s"}), within_s=20.0)
        assert (await ejections(cluster))["s"]["kind"] == "latency"
        servers["s"].delay_s = 0.0


async def test_when_all_fail_one_is_out_and_the_others_go_on(cluster: RealCluster) -> None:
    async with fickle_backends(cluster, "e", "f", "g", "h") as servers, cluster.under_load() as tally:
        for server in servers.values():
            server.broken = True
        await eventually(lambda: _has_one(ejected_on_all(cluster)), within_s=20.0)
        failed = tally.failed
        await eventually(lambda: tally.failed > failed + 200)
        assert len(await _held(cluster)) <= 1
        await eventually(lambda: _held(cluster))  # between an ejection and the next there may be none
        for server in servers.values():
            server.broken = False


async def _held(cluster: RealCluster) -> list[str]:
    """The servers whose ejection is not over."""
    return [name for name, one in (await ejections(cluster)).items() if "recovered_at_ms" not in one]


async def _is(found: object, wanted: set[str]) -> bool:
    return await found == wanted  # type: ignore[misc]


async def _has_one(found: object) -> bool:
    return len(await found) == 1  # type: ignore[misc, arg-type]


async def _failed_while_out(cluster: RealCluster, server_id: str, tally: Tally) -> int:
    """How many requests fail while 100 are answered in one and the same ejection."""
    while True:
        await eventually(lambda: _is(ejected_on_all(cluster), {server_id}), within_s=20.0)
        begun, failed, answered = await ejections(cluster), tally.failed, tally.answered
        await eventually(lambda answered=answered: tally.answered > answered + 100)
        if await ejections(cluster) == begun:
            return tally.failed - failed
