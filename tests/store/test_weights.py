"""Weights in force: what the script leaves in Redis, and that it computes what the model does."""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import Any

import pytest

from cluster_lb.model.adaptive import Measured
from cluster_lb.model.advice import NO_ADVICE, Advice
from cluster_lb.model.availability import AdminState, Health, ServerState
from cluster_lb.model.server import MAX_WEIGHT
from cluster_lb.model.slow_start import Ramp
from cluster_lb.model.verdict import Vote
from cluster_lb.model.weights import Rules, Weighed, adjust
from cluster_lb.settings.health import AgentSettings, HealthSettings
from cluster_lb.settings.outliers import OutlierSettings
from cluster_lb.settings.schema import PoolSettings
from cluster_lb.settings.slow_start import SlowStartSettings
from cluster_lb.store.agents import Agents, changes
from cluster_lb.store.client import Store
from cluster_lb.store.pools import PoolConfigs
from cluster_lb.store.registry import Registry
from cluster_lb.store.verdicts import Verdicts
from cluster_lb.store.weights import Weights
from tests.doubles.keyspace import epoch_of, hash_at, hearing, key_names, now_ms, record

SLOW = SlowStartSettings(duration_s=30)
SERVER = "lb:{web}:server:"
WITH_AGENT = HealthSettings(agent=AgentSettings(port=9))


async def configure(store: Store, **settings: Any) -> None:
    await PoolConfigs(store).apply({"web": PoolSettings(**settings)}, ())


async def adjusted(store: Store) -> int:
    """Adjust now, however long ago the last time was, as a node does that reads the pool before."""
    if await store.call("HEXISTS", "lb:{web}:weights", "at_ms"):
        await store.call("HSET", "lb:{web}:weights", "at_ms", await now_ms(store) - 1500)
    reading = await Registry(store).read_pool("web")
    assert reading is not None
    return await Weights(store).adjust(reading)


async def shown(store: Store) -> dict[str, tuple[int, float, str]]:
    """Server id -> percent, weight in force, reason; as every node reads them."""
    reading = await Registry(store).read_pool("web")
    assert reading is not None
    return {s.id: (s.percent, s.weight_in_force, s.percent_reason) for s in reading.snapshot.servers}


async def came(store: Store, ago_ms: int, *server_ids: str) -> None:
    """Make them have been registered so long ago."""
    for server_id in server_ids:
        await store.call("HSET", SERVER + server_id, "registered_at_ms", await now_ms(store) - ago_ms)


async def warm_since(store: Store, ago_ms: int, server_id: str) -> None:
    await store.call("HSET", SERVER + server_id, "warming_from_ms", await now_ms(store) - ago_ms)


@pytest.fixture
def registry(store: Store) -> Registry:
    return Registry(store)


class TestSlowStart:
    @pytest.fixture(autouse=True)
    async def running_pool(self, store: Store, registry: Registry) -> None:
        """a, b and c have been in service for long."""
        await configure(store, slow_start=SLOW)
        for server in "abc":
            await registry.register("web", record(server, weight=2, instance="1"))
        await came(store, 60_000, "a", "b", "c")
        assert await adjusted(store) == 0

    async def test_a_new_server_begins_with_its_least_part_and_grows_to_all(
        self, store: Store, registry: Registry
    ) -> None:
        await registry.register("web", record("d", weight=2))
        assert (await shown(store))["d"] == (10, 0.2, "slow start")
        assert (await shown(store))["a"] == (100, 2, "")
        await warm_since(store, 15_500, "d")
        assert await adjusted(store) == 1
        assert (await shown(store))["d"] == (50, 1, "slow start 15 s of 30")
        await warm_since(store, 30_000, "d")
        assert await adjusted(store) == 1
        assert (await shown(store))["d"] == (100, 2, "")
        assert "warming_from_ms" not in await hash_at(store, SERVER + "d")

    async def test_weights_in_force_are_what_policies_read(self, store: Store, registry: Registry) -> None:
        await registry.register("web", record("d", weight=2))
        reading = await registry.read_pool("web")
        assert reading is not None
        assert [server.effective_weight for server in reading.snapshot.servers] == [10, 10, 10, 1]

    async def test_a_server_that_is_up_again_begins_anew(self, store: Store) -> None:
        for health in Health.DOWN, Health.UP:
            await Verdicts(store).cast("web", "n1", {"a": Vote(health, "")})
        assert (await shown(store))["a"][0] == 10

    async def test_the_first_verdict_on_a_server_is_no_recovery(self, store: Store) -> None:
        await Verdicts(store).cast("web", "n1", {"a": Vote(Health.UP, "")})
        assert (await shown(store))["a"][0] == 100

    async def test_a_restarted_server_begins_anew_without_ever_having_left(
        self, store: Store, registry: Registry
    ) -> None:
        before = await epoch_of(store)
        await registry.register("web", record("a", weight=2, instance="1"))
        assert (await shown(store))["a"][0] == 100
        assert await registry.register("web", record("a", weight=2, instance="2")) == before + 1
        assert (await shown(store))["a"][0] == 10
        registered = int((await hash_at(store, SERVER + "a"))["registered_at_ms"])
        assert registered == pytest.approx(await now_ms(store), abs=5000)

    async def test_servers_of_unknown_instance_are_not_taken_for_restarted(
        self, store: Store, registry: Registry
    ) -> None:
        await registry.register("web", record("a", weight=2))
        await registry.register("web", record("a", weight=2, instance="1"))
        assert (await shown(store))["a"][0] == 100

    async def test_warm_servers_get_at_most_one_and_a_half_times_their_share(
        self, store: Store, registry: Registry
    ) -> None:
        for number in range(9):
            await registry.register("web", record(f"new{number}", weight=2))
        await adjusted(store)
        percents = {server: percent for server, (percent, _, _) in (await shown(store)).items()}
        assert percents["new0"] == 60  # (12 / 1.5 - 3) / 9 = 0.56, in steps of 5 %
        assert 100 / sum(percents.values()) <= 1.5 / 12

    async def test_when_the_last_warm_server_goes_those_that_warm_up_take_all(
        self, store: Store, registry: Registry
    ) -> None:
        await registry.register("web", record("d", weight=2))
        await registry.register("web", record("e", weight=2))
        for server in "abc":
            await registry.set_admin_state("web", server, AdminState.DRAIN)
        assert await adjusted(store) == 2
        assert {percent for percent, _, _ in (await shown(store)).values()} == {100}

    @pytest.mark.parametrize("state", [ServerState.DRAIN, ServerState.DOWN])
    async def test_servers_that_say_that_they_are_out_do_not_take_over(
        self, store: Store, registry: Registry, state: ServerState
    ) -> None:
        await registry.register("web", record("d", weight=2))
        for server in "abc":
            await registry.register("web", record(server, weight=2, instance="1", state=state))
        await adjusted(store)
        assert (await shown(store))["d"][0] == 100

    @pytest.mark.parametrize("word", [Advice(percent=0), Advice(weight=0), Advice(state=ServerState.DRAIN)])
    @pytest.mark.parametrize(("port", "percent"), [(9, 100), (0, 10)])
    async def test_nor_those_whose_agents_say_so_while_agents_are_asked(
        self, store: Store, registry: Registry, word: Advice, port: int, percent: int
    ) -> None:
        await configure(store, slow_start=SLOW, health=HealthSettings(agent=AgentSettings(port=port)))
        await registry.register("web", record("d", weight=2))
        for server in "abc":
            for name, text in changes(word, NO_ADVICE).items():
                await store.call("HSET", SERVER + server, name, text)
        await adjusted(store)
        assert (await shown(store))["d"][0] == percent

    @pytest.mark.parametrize(
        ("before", "after", "percent"),
        [
            (ServerState.DOWN, ServerState.UP, 10),
            (ServerState.DOWN, ServerState.BUSY, 10),
            (ServerState.DOWN, ServerState.DOWN, 100),
            (ServerState.DRAIN, ServerState.UP, 100),
            (ServerState.BUSY, ServerState.UP, 100),
        ],
    )
    async def test_a_server_that_said_that_it_was_down_begins_anew_when_it_does_not_any_more(
        self, store: Store, registry: Registry, before: ServerState, after: ServerState, percent: int
    ) -> None:
        for state in before, after:
            await registry.register("web", record("a", weight=2, instance="1", state=state))
        assert (await shown(store))["a"][0] == percent

    @pytest.mark.parametrize(
        ("before", "after", "percent"),
        [
            (ServerState.DOWN, ServerState.UP, 10),
            (ServerState.DOWN, ServerState.DRAIN, 10),  # it may be warm when it takes new exchanges
            (ServerState.DRAIN, ServerState.UP, 100),
        ],
    )
    async def test_so_does_one_whose_agent_said_it(
        self, store: Store, before: ServerState, after: ServerState, percent: int
    ) -> None:
        await configure(store, slow_start=SLOW, health=WITH_AGENT)
        for state in before, after:
            await Agents(store).note("web", "a", Advice(state=state), NO_ADVICE)
        assert (await shown(store))["a"][0] == percent

    async def test_it_begins_when_neither_says_so_any_more(self, store: Store, registry: Registry) -> None:
        await configure(store, slow_start=SLOW, health=WITH_AGENT)
        agents, own = Agents(store), {"weight": 2, "instance": "1"}
        await registry.register("web", record("a", state=ServerState.DOWN, **own))
        await agents.note("web", "a", Advice(state=ServerState.DOWN), NO_ADVICE)
        await registry.register("web", record("a", **own))
        assert (await shown(store))["a"][0] == 100
        await registry.register("web", record("a", state=ServerState.DOWN, **own))
        await agents.note("web", "a", Advice(state=ServerState.UP), NO_ADVICE)
        assert (await shown(store))["a"][0] == 100
        await registry.register("web", record("a", **own))
        assert (await shown(store))["a"][0] == 10

    @pytest.mark.parametrize("word", [Advice(percent=10), Advice(weight=10)])
    async def test_the_surplus_is_capped_by_the_weights_that_agents_advise(
        self, store: Store, registry: Registry, word: Advice
    ) -> None:
        await configure(store, slow_start=SLOW, health=WITH_AGENT)
        for server in "abc":
            await registry.register("web", record(server, weight=100, instance="1"))
            await Agents(store).note("web", server, word, NO_ADVICE)
        await registry.register("web", record("d", weight=100))
        await adjusted(store)
        # ((30 + 100) / 1.5 - 30) / 100 = 0.57, in steps of 5 %; by the weights of before it would be 10 %
        assert (await shown(store))["d"][0] == 60

    @pytest.mark.parametrize(("rules", "percent"), [(True, 100), (False, 10)])
    async def test_ejected_servers_do_not_take_over_either_while_there_are_rules(
        self, store: Store, registry: Registry, rules: bool, percent: int
    ) -> None:
        await configure(store, slow_start=SLOW, outliers=OutlierSettings(enabled=rules))
        await registry.register("web", record("d", weight=2))
        ejection = {"at_ms": await now_ms(store), "until_ms": await now_ms(store) + 30_000, "times": 1}
        for server in "abc":
            await store.call("HSET", "lb:{web}:ejections", server, json.dumps(ejection))
        await adjusted(store)
        assert (await shown(store))["d"][0] == percent

    async def test_an_ejection_that_is_over_or_of_a_server_that_came_anew_since_does_not_count(
        self, store: Store, registry: Registry
    ) -> None:
        await configure(store, slow_start=SLOW, outliers=OutlierSettings(enabled=True))
        await registry.register("web", record("d", weight=2))
        now = await now_ms(store)
        for server, ejection in {
            "a": {"at_ms": now - 9000, "recovered_at_ms": now - 5},
            "b": {"at_ms": now - 90_000},
            "c": {"at_ms": now - 90_000},
        }.items():
            await store.call("HSET", "lb:{web}:ejections", server, json.dumps(ejection))
        await adjusted(store)
        assert (await shown(store))["d"][0] == 10

    async def test_switched_off_it_leaves_nothing_behind(self, store: Store, registry: Registry) -> None:
        await registry.register("web", record("d", weight=2))
        await configure(store)
        assert await adjusted(store) == 1
        assert (await shown(store))["d"] == (100, 2, "")
        await registry.register("web", record("e", weight=2))
        assert (await shown(store))["e"] == (100, 2, "")

    async def test_an_operators_weight_is_scaled_too(self, store: Store, registry: Registry) -> None:
        await registry.register("web", record("d", weight=2))
        await registry.set_weight("web", "d", 7)
        assert (await shown(store))["d"] == (10, 0.7, "slow start")


class TestAPoolThatStarts:
    async def test_has_no_slow_start_however_its_servers_come(self, store: Store, registry: Registry) -> None:
        await configure(store, slow_start=SLOW)
        for server, ago_ms in {"a": 20_000, "b": 5_000, "c": 0}.items():
            await registry.register("web", record(server))
            await came(store, ago_ms, server)
            assert await adjusted(store) == 0
        assert {percent for percent, _, _ in (await shown(store)).values()} == {100}

    async def test_a_pool_that_said_that_it_was_down_as_a_whole_starts_too(
        self, store: Store, registry: Registry
    ) -> None:
        await configure(store, slow_start=SLOW)
        for server in "ab":
            await registry.register("web", record(server))
        await came(store, 60_000, "a", "b")
        for state in ServerState.DOWN, ServerState.UP:
            for server in "ab":
                await registry.register("web", record(server, state=state))
                await adjusted(store)
        assert {percent for percent, _, _ in (await shown(store)).values()} == {100}

    async def test_a_pool_that_was_down_as_a_whole_starts_too(self, store: Store, registry: Registry) -> None:
        await configure(store, slow_start=SLOW)
        for server in "ab":
            await registry.register("web", record(server))
        await came(store, 60_000, "a", "b")
        both = ("a", "b")
        await Verdicts(store).cast("web", "n1", {server: Vote(Health.DOWN, "") for server in both})
        await adjusted(store)
        await Verdicts(store).cast("web", "n1", {server: Vote(Health.UP, "") for server in both})
        await adjusted(store)
        assert {percent for percent, _, _ in (await shown(store)).values()} == {100}


class TestAdaptive:
    @pytest.fixture(autouse=True)
    async def three_servers(self, store: Store, registry: Registry) -> None:
        await configure(store, weights="adaptive")
        await self.report(registry, a=0.9, b=0.3, c=0.3)

    async def report(self, registry: Registry, **cpu: float) -> None:
        for server, value in cpu.items():
            await registry.register("web", record(server, weight=4, report={"cpu": value}))

    async def test_a_hot_server_has_less_in_force_and_says_why(
        self, store: Store, registry: Registry
    ) -> None:
        before = await epoch_of(store)
        async with hearing(store) as heard:
            assert await adjusted(store) == 1
            assert await heard.all() == [
                {"pool": "web", "epoch": before + 1, "what": "weights", "server": ""}
            ]
        assert await shown(store) == {
            "a": (75, 3, "cpu 0.90 against 0.50"),
            "b": (100, 4, ""),
            "c": (100, 4, ""),
        }

    async def test_four_reports_of_90_percent_beside_30_halve_what_is_in_force(
        self, store: Store, registry: Registry
    ) -> None:
        """At a report each 2 s four come within 9 s, whenever it gets hot, and are adjusted within 10 s. Most
        of its cpu is of its own making, and falls with its weight."""
        for _ in range(4):
            parts = {server: percent / 100 for server, (percent, _, _) in (await shown(store)).items()}
            each = 0.9 / sum(parts.values())
            await self.report(registry, a=3 * each * parts["a"], b=each * parts["b"], c=each * parts["c"])
            await adjusted(store)
        found = await shown(store)
        assert found["a"][0] <= 50
        assert found["b"][0] == found["c"][0] == 100

    async def test_each_report_acts_once(self, store: Store, registry: Registry) -> None:
        await adjusted(store)
        for _ in range(3):
            before = await hash_at(store, SERVER + "a")
            deadline = await now_ms(store) - 2000 + 6000  # heard before the last adjustment
            await store.call("ZADD", "lb:{web}:servers", deadline, "a")
            assert await adjusted(store) == 0
            assert await hash_at(store, SERVER + "a") == before
        await self.report(registry, a=0.9)
        assert await adjusted(store) == 1

    async def test_nothing_changed_writes_nothing_and_raises_no_epoch(
        self, store: Store, registry: Registry
    ) -> None:
        await self.report(registry, a=0.3)
        before = await epoch_of(store), await hash_at(store, SERVER + "a")
        for _ in range(3):
            assert await adjusted(store) == 0
        assert (await epoch_of(store), await hash_at(store, SERVER + "a")) == before
        assert "factor" not in before[1]

    async def test_a_static_pool_is_left_alone(self, store: Store, registry: Registry) -> None:
        await configure(store)
        assert await adjusted(store) == 0
        assert "{web}:weights" not in await key_names(store)

    async def test_static_again_every_weight_is_whole(self, store: Store, registry: Registry) -> None:
        await adjusted(store)
        await configure(store)
        assert await adjusted(store) == 1
        assert (await shown(store))["a"] == (100, 4, "")
        assert (await hash_at(store, SERVER + "a"))["factor"] == "1.0000"

    @pytest.mark.parametrize("bad", ["nan", "inf", "-0.5", "90", "hot"])
    async def test_a_figure_that_cannot_be_true_is_neutral(
        self, store: Store, registry: Registry, bad: str
    ) -> None:
        await store.call("HSET", SERVER + "a", "report.cpu", bad)
        assert await adjusted(store) == 0

    async def test_latency_that_live_nodes_see_counts(self, store: Store, registry: Registry) -> None:
        await self.report(registry, a=0.3)
        now = await now_ms(store)
        await store.call("ZADD", "lb:{web}:nodes", now + 5000, "n1", now + 5000, "n2", now - 1, "dead")
        seen = {"n1/a": 90_000, "n2/a": 70_000, "n1/b": 10_000, "n1/c": 10_000, "dead/b": 900_000}
        for field, micros in seen.items():
            await store.call("HSET", "lb:{web}:latency", field, micros)
        assert await adjusted(store) == 1
        assert (await shown(store))["a"] == (80, 3.2, "latency 80.0 ms against 10.0 ms")

    async def test_a_broken_hash_stops_nothing(self, store: Store, registry: Registry) -> None:
        for key in "weights", "latency", "verdicts", "nodes":
            await store.call("SET", f"lb:{{web}}:{key}", "x")
        reading = await registry.read_pool("web")
        assert reading is not None
        assert await Weights(store).adjust(reading) == 1


async def test_of_many_callers_at_once_one_adjusts(real_store: Store) -> None:
    await configure(real_store, weights="adaptive")
    registry = Registry(real_store)
    for server, cpu in {"a": 0.9, "b": 0.3, "c": 0.3}.items():
        await registry.register("web", record(server, report={"cpu": cpu}))
    await registry.register("web", record("d"))  # without a report its factor rises at each adjustment
    await real_store.call("HSET", SERVER + "d", "factor", "0.5", "percent", "50")
    reading = await registry.read_pool("web")
    assert reading is not None
    before = await epoch_of(real_store)
    results = await asyncio.gather(*(Weights(real_store).adjust(reading) for _ in range(50)))
    assert sorted(results) == [0] * 49 + [2]
    assert (await hash_at(real_store, SERVER + "d"))["factor"] == "0.5500"
    assert await epoch_of(real_store) == before + 1


async def test_a_large_pool_is_adjusted_less_often(real_store: Store) -> None:
    store = real_store
    await configure(store, weights="adaptive")
    await Registry(store).register("web", record("a"))
    reading = await Registry(store).read_pool("web")
    assert reading is not None
    lease = await now_ms(store) + 60_000
    await store.call("ZADD", "lb:{web}:servers", *(item for n in range(2999) for item in (lease, f"s{n}")))
    await Weights(store).adjust(reading)
    for ago_ms, works in (2500, False), (3500, True):
        at = await now_ms(store) - ago_ms
        await store.call("HSET", "lb:{web}:weights", "at_ms", at)
        await Weights(store).adjust(reading)
        assert ((await hash_at(store, "lb:{web}:weights"))["at_ms"] != str(at)) is works


async def test_the_state_of_a_pool_that_nobody_adjusts_ends(store: Store, registry: Registry) -> None:
    await configure(store, weights="adaptive")
    await registry.register("web", record("a"))
    await adjusted(store)
    assert 0 < await store.call("PTTL", "lb:{web}:weights") <= 5000


# --- the script computes what the model does

FIGURES = {"cpu": 1.0, "memory": 1.0, "bandwidth": 1.0, "load_average": 3.0, "in_flight": 40.0}


def some_fields(random: Random, now: int) -> dict[str, str]:
    """A server's hash, of any state that scripts leave it in."""
    fields = {"address": "127.0.0.1:9001", "weight": str(random.choice([0, 1, 2, 5, 100, 256]))}
    fields["registered_at_ms"] = str(now - random.randrange(60_000))
    fields["admin_state"] = random.choice(["READY"] * 6 + ["DRAIN"])
    fields["ttl_ms"] = "6000"
    fields["percent"] = str(random.choice([100, 100, 95, 50, 10, 3]))
    fields["percent_reason"] = "" if fields["percent"] == "100" else "before"
    fields["factor"] = f"{random.choice([1.0, 1.0, 0.95, random.uniform(0.1, 1)]):.4f}"
    if random.random() < 0.3:
        name = random.choice(["agent_percent", "agent_weight"])
        fields[name] = str(random.choice([0, 1, 33, 100, 150, 300]))
    if random.random() < 0.3:
        fields["warming_from_ms"] = str(now - random.randrange(40_000))
    hot = random.random()
    for name, greatest in FIGURES.items():
        if random.random() < 0.7:
            fields[f"report.{name}"] = repr(round(min(hot * random.uniform(0.5, 1.5), 1) * greatest, 3))
    return fields


def as_model(
    server_id: str, fields: dict[str, str], is_down: bool, heard: float, latency: float | None
) -> Any:
    percent, own = (
        int(fields[name]) if name in fields else None for name in ("agent_percent", "agent_weight")
    )
    weight = Advice(percent, own).weigh(int(fields["weight"]), MAX_WEIGHT)
    return Weighed(
        id=server_id,
        measured=Measured(
            weight=weight,
            factor=float(fields["factor"]),
            heard_ms=heard,
            figures={n: float(fields[f"report.{n}"]) for n in FIGURES if f"report.{n}" in fields},
            latency_ms=latency,
        ),
        takes=weight > 0 and not is_down and fields["admin_state"] == "READY",
        percent=int(fields["percent"]),
        since_ms=float(fields["registered_at_ms"]),
        warming_from_ms=float(fields.get("warming_from_ms", 0)),
        reason=fields["percent_reason"],
    )


@pytest.mark.parametrize("seed", range(60))
async def test_the_script_computes_what_the_model_does(fake_store: Store, seed: int) -> None:
    store, random = fake_store, Random(seed)
    slow = SlowStartSettings(
        duration_s=random.choice([0, 30, 12.5]), aggression=random.choice([1, 0.7, 2]), min_percent=7
    )
    weights = random.choice(["static", "adaptive", "adaptive"])
    await configure(store, weights=weights, slow_start=slow, health=WITH_AGENT)
    now = await now_ms(store)
    last, servers, latencies = now - 1700, {}, {}
    await store.call("ZADD", "lb:{web}:nodes", now + 60_000, "n1")
    for number in range(random.randrange(1, 12)):
        server_id = f"s{number}"
        fields = some_fields(random, now)
        is_down = random.random() < 0.1
        deadline = now + 6000 - random.choice([500, 1200, 2500, 29_000, 40_000])
        latency = random.choice([None, random.randrange(1000, 200_000)])
        for name, text in fields.items():
            await store.call("HSET", SERVER + server_id, name, text)
        await store.call("ZADD", "lb:{web}:servers", deadline, server_id)
        if is_down:
            await store.call("HSET", "lb:{web}:verdicts", server_id, '{"health":"DOWN","at_ms":1}')
        if latency:
            await store.call("HSET", "lb:{web}:latency", f"n1/{server_id}", latency)
        micros = None if latency is None else latency / 1000
        servers[server_id] = as_model(server_id, fields, is_down, deadline - 6000, micros)
        latencies[server_id] = deadline
    await store.call("HSET", "lb:{web}:weights", "at_ms", last)
    reading = await Registry(store).read_pool("web")
    assert reading is not None
    await Weights(store).adjust(reading)
    state = await hash_at(store, "lb:{web}:weights")
    if not state:  # nothing asked for it
        return
    rules = Rules(
        Ramp(slow.duration_s * 1000, slow.aggression, slow.min_percent),
        reading.settings.weights == "adaptive",
    )
    order = sorted(servers, key=lambda server_id: (latencies[server_id], server_id))
    expected = adjust([servers[server_id] for server_id in order], rules, int(state["at_ms"]), last)
    for server in expected.servers:
        found = await hash_at(store, SERVER + server.id)
        assert (int(found["percent"]), found["percent_reason"]) == (server.percent, server.reason)
        assert float(found["factor"]) == server.measured.factor
        assert ("warming_from_ms" in found) == (server.warming_from_ms > 0)
    assert state.get("entry_percent") == (
        None if expected.entry_percent is None else f"{expected.entry_percent:g}"
    )
