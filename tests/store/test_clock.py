"""Redis' clock goes back by an hour, as in a failover to another machine: nothing lasts an hour longer."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from cluster_lb.model.availability import Health
from cluster_lb.model.member import Member
from cluster_lb.model.sample import Run, Sample
from cluster_lb.model.verdict import Vote
from cluster_lb.settings.health import HealthSettings
from cluster_lb.settings.outliers import OutlierSettings
from cluster_lb.settings.schema import PoolSettings
from cluster_lb.settings.slow_start import SlowStartSettings
from cluster_lb.store.client import Store
from cluster_lb.store.loads import Loads
from cluster_lb.store.membership import Membership
from cluster_lb.store.outliers import Outliers
from cluster_lb.store.pools import PoolConfigs
from cluster_lb.store.readings import PoolReading
from cluster_lb.store.registry import Registry
from cluster_lb.store.verdicts import Verdicts
from cluster_lb.store.weights import Weights
from tests.doubles.keyspace import now_ms, record

HOUR_MS = 3_600_000
UP, DOWN = Vote(Health.UP, "L4OK"), Vote(Health.DOWN, "L4CON")
FIVES = Sample(0, 5, Run(False, 5), Run(False, 0), Run(False, 0))
SETTINGS = PoolSettings(outliers=OutlierSettings(), slow_start=SlowStartSettings(duration_s=10))


@pytest.fixture
def registry(store: Store) -> Registry:
    return Registry(store)


async def go_back(store: Store) -> None:
    """What Redis holds is of times an hour later than they were."""

    def later(text: str) -> str:
        return re.sub(r"\b1\d{12}\b", lambda found: str(int(found[0]) + HOUR_MS), text)

    for key in await store.call("KEYS", "*"):
        kind = await store.call("TYPE", key)
        if kind == "zset":
            for member in await store.call("ZRANGE", key, 0, -1):
                await store.call("ZINCRBY", key, HOUR_MS, member)
        elif kind == "hash":
            for field, text in (await store.call("HGETALL", key)).items():
                await store.call("HSET", key, field, later(text))


async def pass_by(store: Store, ms: int) -> None:
    """Time passes for the leases of servers, and since the last sweep."""
    for server_id in await store.call("ZRANGE", "lb:{web}:servers", 0, -1):
        await store.call("ZINCRBY", "lb:{web}:servers", -ms, server_id)
    for field in await store.call("HKEYS", "lb:{web}:sweep"):
        await store.call("HINCRBY", "lb:{web}:sweep", field, -ms)


async def read(registry: Registry) -> PoolReading:
    reading = await registry.read_pool("web")
    assert reading is not None
    return reading


async def test_a_dead_node_is_forgotten_by_the_end_of_a_lease(store: Store) -> None:
    membership = Membership(store, lease_ms=5000)
    for node in ("dead", "n1"):
        await membership.renew(Member(node, "1"))
    await go_back(store)
    await membership.renew(Member("n1", "1"))
    leases = await membership.leases()
    assert leases.keys() == {"dead", "n1"}
    assert max(leases.values()) <= 5000


async def test_what_a_dead_node_had_in_flight_counts_until_the_end_of_a_lease(store: Store) -> None:
    await Registry(store).register("web", record("a"))
    for node in ("dead", "n1"):
        await Loads(store).publish("web", node, 5000, 1, {"a": 1})
    await go_back(store)
    await Loads(store).publish("web", "n1", 5000, 1, {"a": 1})
    assert await store.call("ZSCORE", "lb:{web}:nodes", "dead") <= await now_ms(store) + 5000


async def test_a_lease_that_is_renewed_in_time_leaves_those_of_others_as_they_are(store: Store) -> None:
    membership = Membership(store, lease_ms=5000)
    await membership.renew(Member("n1", "1"))
    await Membership(store, lease_ms=60_000).renew(Member("n2", "1"))
    await membership.renew(Member("n1", "1"))
    assert (await membership.leases())["n2"] > 50_000


async def test_a_dead_server_is_retired_after_the_hold(store: Store, registry: Registry) -> None:
    for server_id in ("a", "b", "c", "dead"):
        await registry.register("web", record(server_id))
    await registry.sweep("web")
    await go_back(store)
    retired: list[str] = []
    for _ in range(7):  # of 2 s each: two leases, and a little more
        retired += (await registry.sweep("web")).retired
        await pass_by(store, 2000)
        for server_id in ("a", "b", "c"):
            await registry.register("web", record(server_id))
    retired += (await registry.sweep("web")).retired
    assert retired == ["dead"]


async def test_a_server_warms_up_no_longer_than_it_should(store: Store, registry: Registry) -> None:
    await PoolConfigs(store).apply({"web": SETTINGS}, ())
    for server_id in ("a", "b", "c", "d"):
        await registry.register("web", record(server_id))
    await registry.sweep("web")
    await store.call("HSET", "lb:{web}:server:d", "warming_from_ms", await now_ms(store), "percent", 10)
    await go_back(store)
    await registry.sweep("web")
    assert await store.call("HGET", "lb:{web}:server:d", "warming_from_ms") <= str(await now_ms(store))
    await store.call("HINCRBY", "lb:{web}:server:d", "warming_from_ms", -11_000)
    await Weights(store).adjust(await read(registry))
    assert {server.percent for server in (await read(registry)).snapshot.servers} == {100}


async def test_a_server_that_flapped_is_held_down_no_longer(store: Store, registry: Registry) -> None:
    verdicts, damped = Verdicts(store), HealthSettings(flap_limit=1, flap_hold_s=200.0)
    await registry.register("web", record("a"))
    for vote in (UP, DOWN, UP, DOWN, UP):
        await verdicts.cast("web", "n1", {"a": vote}, settings=damped)
    assert (await read(registry)).snapshot.servers[0].verdict.health is Health.DOWN  # type: ignore[union-attr]
    await go_back(store)
    assert await verdicts.cast("web", "n1", {"a": UP}, settings=damped) == ["a"]


async def test_an_ejection_ends_and_the_next_failures_count(store: Store, registry: Registry) -> None:
    outliers = Outliers(store)
    await PoolConfigs(store).apply({"web": SETTINGS}, ())
    for server_id in ("a", "b", "c"):
        await registry.register("web", record(server_id))
    await Loads(store).publish("web", "n1", 5000, 1, {})
    assert (await outliers.judge("n1", "web", SETTINGS, {"a": FIVES})).ejected == {"a": "consecutive_5xx"}
    await registry.sweep("web")
    await go_back(store)
    await registry.sweep("web")
    assert (await outliers.judge("n1", "web", SETTINGS, {})).returned == {"a": "time"}
    assert (await outliers.judge("n1", "web", SETTINGS, {"a": FIVES})).ejected == {"a": "consecutive_5xx"}
    assert (await outliers.judge("n1", "web", SETTINGS, {})).returned == {}
    servers = (await read(registry)).snapshot.servers
    assert [server.id for server in servers if server.ejection and server.ejection.holds] == ["a"]


async def test_a_run_of_failures_that_began_later_than_now_begins_anew(store: Store) -> None:
    outliers = Outliers(store)
    for server_id in ("a", "b", "c"):
        await Registry(store).register("web", record(server_id))
    for node in ("n1", "n2"):
        await Loads(store).publish("web", node, 60_000, 1, {})
    await outliers.judge("n1", "web", SETTINGS, {"a": replace(FIVES, failed=1)})
    await go_back(store)
    await Registry(store).sweep("web")
    await outliers.judge("n1", "web", SETTINGS, {"a": replace(FIVES, failed=1)})
    run = await store.call("HGET", "lb:{web}:outcomes", "run/a")
    assert int(re.findall(r'"began_ms":(\d+)', run)[0]) <= await now_ms(store)
