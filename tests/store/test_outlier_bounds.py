"""Whatever happens in whatever order, ejections stay within their bounds."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

from fakeredis import FakeServer
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster_lb.model.availability import AdminState, Health
from cluster_lb.model.ejection import Ejection
from cluster_lb.model.sample import Run, Sample
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.model.verdict import Vote
from cluster_lb.settings.schema import PoolSettings
from cluster_lb.store.client import Store
from cluster_lb.store.outliers import Outliers
from cluster_lb.store.registry import Registry
from cluster_lb.store.verdicts import Verdicts
from tests.doubles.fake_redis import store_on
from tests.doubles.keyspace import now_ms, record

SERVERS = st.integers(0, 5).map(lambda number: f"s{number}")
STEPS = st.one_of(
    st.tuples(st.just("fail"), st.lists(SERVERS, min_size=1, max_size=6)),
    st.tuples(
        st.just("vote"), SERVERS, st.sampled_from(Health).filter(lambda health: health is not Health.NEW)
    ),
    st.tuples(st.just("mark"), SERVERS, st.sampled_from(AdminState)),
    st.tuples(st.just("leave"), SERVERS),
    st.tuples(st.just("return"), SERVERS),
    st.tuples(st.just("time")),
)
FAILED = Sample(0, 9, Run(False, 9), Run(False, 0), Run(False, 0))


def is_needed(snapshot: Snapshot, server_id: str) -> bool:
    """Whether the pool would panic without the server, or have no healthy one."""
    out = Ejection("consecutive_5xx", "", "n1", 0, 1, 1)
    servers = [replace(s, ejection=out) if s.id == server_id else s for s in snapshot.servers]
    left = any(s.healthy and s.admin_state is AdminState.READY for s in servers)
    return not left or replace(snapshot, servers=tuple(servers)).panics


class Cluster:
    """Six servers, `backups` of them backups, and one node that tells of them."""

    def __init__(self, store: Store, pool: PoolSettings, backups: int) -> None:
        self.backups = backups
        self.store = store
        self.pool = pool
        self.registry = Registry(store)

    async def begin(self) -> None:
        await self.store.call("HSET", "lb:{web}:config", "outliers.enabled", "true")
        await self.store.call("HSET", "lb:{web}:config", "panic_threshold", str(self.pool.panic_threshold))
        for number in range(6):
            await self.register(f"s{number}")

    async def register(self, server: str) -> None:
        priority = int(int(server[1:]) >= 6 - self.backups)
        await self.registry.register("web", record(server, priority=priority), ttl_ms=60_000)

    async def do(self, what: str, *arguments: Any) -> None:
        match what, arguments:
            case "fail", (servers,):
                await self.judge(servers)
            case "vote", (server, health):
                await Verdicts(self.store).cast("web", "n1", {server: Vote(health, "")})
            case "mark", (server, state) if await self.is_registered(server):
                await self.registry.set_admin_state("web", server, state)
            case "leave", (server,):
                await self.registry.deregister("web", server)
            case "return", (server,):
                await self.register(server)
            case "time", ():
                await self.let_time_pass()

    async def is_registered(self, server: str) -> bool:
        return await self.store.call("ZSCORE", "lb:{web}:servers", server) is not None

    async def snapshot(self) -> Snapshot:
        reading = await self.registry.read_pool("web")
        assert reading is not None
        return reading.snapshot

    async def let_time_pass(self) -> None:
        """All ejections are over."""
        for server, text in (await self.store.call("HGETALL", "lb:{web}:ejections")).items():
            over = json.loads(text) | {"until_ms": await now_ms(self.store) - 1}
            await self.store.call("HSET", "lb:{web}:ejections", server, json.dumps(over))
        await self.judge([])

    async def judge(self, servers: list[str]) -> None:
        """Held at each decision: the budget, a healthy server that is left, and no panic."""
        judgement = await Outliers(self.store).judge("n1", "web", self.pool, dict.fromkeys(servers, FAILED))
        snapshot = await self.snapshot()
        ejected = [server for server in snapshot.servers if server.ejected]
        if judgement.ejected:
            budget = max(1, int(self.pool.outliers.max_ejected * len(snapshot.servers)))
            assert len(ejected) <= budget
            assert any(server.healthy for server in snapshot.servers)
            assert not snapshot.panics
        assert set(judgement.ejected) <= set(servers)
        if len(ejected) < max(1, int(self.pool.outliers.max_ejected * len(snapshot.servers))):
            assert all(is_needed(snapshot, server) for server in judgement.spared)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(STEPS, max_size=20),
    st.sampled_from([0.0, 0.34, 0.5, 1.0]),
    st.sampled_from([0.0, 0.5, 0.8]),
    st.integers(0, 4),
)
def test_in_any_order_of_events(
    steps: list[tuple[Any, ...]], share: float, panic_threshold: float, backups: int
) -> None:
    pool = PoolSettings.model_validate(
        {"outliers": {"max_ejected": share}, "panic_threshold": panic_threshold}
    )

    async def run() -> None:
        server = FakeServer()
        async with store_on(server) as store:
            cluster = Cluster(store, pool, backups)
            await cluster.begin()
            for step in steps:
                await cluster.do(*step)

    asyncio.run(run())
