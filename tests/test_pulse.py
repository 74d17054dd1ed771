"""What a node tells Redis of itself: leases and sweeps each second, changed load in between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from cluster_lb.errors import StoreError
from cluster_lb.model.member import Member
from cluster_lb.model.place import Place
from cluster_lb.proxy.pools import LivePools
from cluster_lb.pulse import Pulse
from cluster_lb.store.loads import Heard, Loads
from cluster_lb.store.membership import Membership
from cluster_lb.store.registry import Registry, SweepResult
from cluster_lb.store.view import View
from cluster_lb.store.weights import Weights

ME = Member(id="n1", version="0", started_at_ms=5)


class Told:
    """Stands for all of the store: remembers what it was told. `epoch`: what Redis says it is."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.epoch = 1
        self.swept = SweepResult()
        self.readings = {"web": None}
        self.members = (ME, replace(ME, id="n2"))
        self.before = ME
        self.elsewhere = {"a": 7}
        self.refused = ""  # pool that Redis refuses to sweep

    async def renew(self, member: Member) -> Member:
        self.calls.append(("renew", member.id))
        return self.before

    async def publish(
        self,
        pool: str,
        node_id: str,
        lease_ms: int,
        epoch_seen: int,
        loads: Mapping[str, int],
        *,
        elsewhere: bool = False,
        latencies: Mapping[str, int] | None = None,
    ) -> Heard:
        self.calls.append(("publish", pool, epoch_seen, dict(loads)))
        self.latencies = latencies
        return Heard(self.epoch, self.elsewhere if elsewhere else {}, {"a": 1500} if latencies else {})

    async def sweep(self, pool: str) -> SweepResult:
        self.calls.append(("sweep", pool))
        if pool == self.refused:
            raise StoreError("Redis refused sweep_pool: WRONGTYPE")
        return self.swept

    async def adjust(self, reading: Any) -> int:
        self.calls.append(("adjust",))
        return 0

    async def leave(self, node_id: str) -> None:
        self.calls.append(("leave", node_id))

    def refresh(self, pool: str) -> None:
        self.calls.append(("refresh", pool))

    def take(self) -> list[tuple[Any, ...]]:
        calls, self.calls = self.calls, []
        return calls


class OnePool:
    """Stands for the live pools: one, with one server."""

    def __init__(self) -> None:
        self.server = SimpleNamespace(id="a", load=0)
        self.web = SimpleNamespace(name="web", epoch=1, servers={"a": self.server}, limits=None)
        self.web.hears_loads, self.web.settled = False, 0
        self.web.told_latencies = lambda: self.latencies
        self.web.hear_latencies = lambda heard: self.heard_latencies.append(heard)
        self.latencies: dict[str, int] | None = None
        self.heard_latencies: list[Mapping[str, int]] = []
        self.web.hear_loads = lambda *heard: self.heard.append(heard)
        self.heard: list[tuple[Place, dict[str, int]]] = []

    def ensure(self, name: str) -> Any:
        return self.web


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def pools() -> OnePool:
    return OnePool()


@pytest.fixture
def pulse(told: Told, pools: OnePool) -> Pulse:
    return Pulse(
        node_id="n1",
        lease_ms=5000,
        describe=lambda: ME,
        membership=cast("Membership", told),
        loads=cast("Loads", told),
        registry=cast("Registry", told),
        weights=cast("Weights", told),
        view=cast("View", told),
        pools=cast("LivePools", pools),
    )


async def test_a_whole_beat_renews_leases_sweeps_and_adjusts_weights(pulse: Pulse, told: Told) -> None:
    await pulse.beat(whole=True)
    assert told.take() == [("renew", "n1"), ("publish", "web", 1, {}), ("sweep", "web"), ("adjust",)]


async def test_a_node_that_came_later_under_the_same_id_is_named_once(pulse: Pulse, told: Told) -> None:
    earlier, later = (replace(ME, started_at_ms=at, admin=f"10.0.0.{at}:9900") for at in (3, 9))
    with capture_logs() as lines:
        for found in (ME, earlier, later, ME, later):
            told.before = found
            await pulse.beat(whole=True)
    assert [line["admin"] for line in lines] == ["10.0.0.9:9900"]


async def test_between_whole_beats_only_changed_load_is_told(
    pulse: Pulse, told: Told, pools: OnePool
) -> None:
    await pulse.beat(whole=True)
    told.take()
    await pulse.beat(whole=False)
    assert told.take() == []
    pools.server.load = 3
    await pulse.beat(whole=False)
    await pulse.beat(whole=False)
    assert told.take() == [("publish", "web", 1, {"a": 3})]
    pools.server.load = 0
    await pulse.beat(whole=False)
    assert told.take() == [("publish", "web", 1, {})]


async def test_a_pool_with_limits_hears_of_the_others_at_each_beat(
    pulse: Pulse, told: Told, pools: OnePool
) -> None:
    pools.web.limits, pools.web.hears_loads = object(), True
    for whole in True, False, False:
        await pulse.beat(whole=whole)
    assert [call[0] for call in told.take()].count("publish") == 3
    assert pools.heard == [(Place(0, 2), {"a": 7})] * 3


async def test_a_pool_that_goes_by_load_hears_of_the_others_while_anything_happens(
    pulse: Pulse, told: Told, pools: OnePool
) -> None:
    pools.web.hears_loads, told.elsewhere = True, {}

    async def publishes() -> int:
        await pulse.beat(whole=False)
        return [call[0] for call in told.take()].count("publish")

    assert await publishes() == 1
    assert await publishes() == 0
    pools.web.settled = 5  # it began and ended between two beats
    assert await publishes() == 1
    told.elsewhere = {"a": 7}
    await pulse.beat(whole=True)
    told.take()
    assert [await publishes(), await publishes()] == [1, 1]
    told.elsewhere = {}
    assert [await publishes(), await publishes()] == [1, 0]


async def test_latencies_are_told_and_heard_with_the_load(pulse: Pulse, told: Told, pools: OnePool) -> None:
    pools.web.hears_loads, pools.latencies = True, {"a": 900}
    await pulse.beat(whole=False)
    assert told.latencies == {"a": 900}
    assert pools.heard_latencies == [{"a": 1500}]


async def test_another_epoch_in_redis_has_the_pool_read_again(pulse: Pulse, told: Told) -> None:
    told.epoch = 2
    await pulse.beat(whole=True)
    assert ("refresh", "web") in told.take()


async def test_leaving_ends_votes_and_load_before_the_membership(pulse: Pulse, told: Told) -> None:
    await pulse.leave()
    assert told.take() == [("publish", "web", 1, {}), ("leave", "n1")]


@pytest.mark.parametrize(
    ("swept", "level", "event"),
    [
        (SweepResult(retired=("a",)), "warning", "server retired: its lease ended"),
        (
            SweepResult(stale=("a", "b"), registered=3),
            "error",
            "most servers of the pool stopped their heartbeats at once: kept for one more lease",
        ),
        (SweepResult(held=True), "warning", "redis was away: no server is retired for two leases"),
    ],
)
async def test_what_a_sweep_did_is_logged(
    pulse: Pulse, told: Told, swept: SweepResult, level: str, event: str
) -> None:
    told.swept = swept
    with capture_logs() as logs:
        await pulse.beat(whole=True)
    assert [(entry["log_level"], entry["event"]) for entry in logs] == [(level, event)]


async def test_a_long_hold_is_logged_once(pulse: Pulse, told: Told) -> None:
    told.swept = SweepResult(held=True)
    with capture_logs() as logs:
        await pulse.beat(whole=True)
        await pulse.beat(whole=True)
    assert len(logs) == 1


async def test_a_pool_that_redis_refuses_keeps_no_other_from_its_beat(pulse: Pulse, told: Told) -> None:
    told.readings, told.refused = {"bad": None, "web": None}, "bad"
    with capture_logs() as logs:
        await pulse.beat(whole=True)
        await pulse.beat(whole=True)
    assert told.take().count(("sweep", "web")) == 2
    assert [line["pool"] for line in logs if line["log_level"] == "error"] == ["bad"]
