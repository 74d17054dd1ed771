"""Outlier detection: what samples of several nodes leave in Redis."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from cluster_lb.model.advice import NO_ADVICE, Advice
from cluster_lb.model.availability import AdminState, Health, ServerState
from cluster_lb.model.sample import Run, Sample
from cluster_lb.model.verdict import Vote
from cluster_lb.settings.health import AgentSettings, HealthSettings
from cluster_lb.settings.outliers import OutlierSettings
from cluster_lb.settings.schema import PoolSettings
from cluster_lb.store.agents import Agents
from cluster_lb.store.client import Store
from cluster_lb.store.outliers import Judgement, Outliers
from cluster_lb.store.registry import Registry
from cluster_lb.store.verdicts import Verdicts
from tests.doubles.keyspace import epoch_of, hash_at, hearing, now_ms, record

NONE = Run(False, 0)
SERVERS = tuple(f"s{number}" for number in range(10))
EJECTIONS = "lb:{web}:ejections"
OUTCOMES = "lb:{web}:outcomes"


def good(count: int = 1) -> Sample:
    return Sample(count, 0, Run(True, 0), Run(True, 0), Run(True, 0))


def fives(count: int, ok: int = 0, since_ok: int | None = None) -> Sample:
    """`count` answers of 500, `since_ok` of them after the last of the `ok` good ones."""
    run = Run(ok > 0, count if since_ok is None else since_ok)
    return Sample(ok, count, run, Run(True, 0), Run(True, 0))


def resets(count: int) -> Sample:
    return Sample(0, count, NONE, NONE, Run(False, count))


def settings(panic_threshold: float = 0.5, probes: str = "tcp", **outliers: Any) -> PoolSettings:
    return PoolSettings(
        panic_threshold=panic_threshold,
        health=HealthSettings(kind=probes),  # type: ignore[arg-type]
        outliers=OutlierSettings(**{"interval_s": 300.0} | outliers),  # no test meets the end of one
    )


@pytest.fixture
async def outliers(store: Store) -> Outliers:
    """Ten servers are registered, at epoch 10; no node lives but the one that calls."""
    await store.call("HSET", "lb:{web}:config", "outliers.enabled", "true")
    for number, server in enumerate(SERVERS):
        await Registry(store).register("web", record(server, 9000 + number), ttl_ms=60_000)
    return Outliers(store)


async def ejection_of(store: Store, server: str = "s0") -> dict[str, Any]:
    text = await store.call("HGET", EJECTIONS, server)
    found: dict[str, Any] = json.loads(text) if text else {}
    return found


async def change_ejection(store: Store, server: str = "s0", **fields: Any) -> None:
    await store.call("HSET", EJECTIONS, server, json.dumps(await ejection_of(store, server) | fields))


async def end_time_of(store: Store, server: str = "s0") -> None:
    """Make the ejection's time be over."""
    await change_ejection(store, server, until_ms=await now_ms(store) - 1)


async def make_live(store: Store, *nodes: str) -> None:
    for node in nodes:
        await store.call("ZADD", "lb:{web}:nodes", await now_ms(store) + 60_000, node)


async def age_run(store: Store, server: str = "s0", by_ms: int = 1500) -> None:
    """Make the run have begun so long ago, of a server that was there by then."""
    await store.call("HINCRBY", f"lb:{{web}}:server:{server}", "registered_at_ms", -by_ms)
    run = json.loads(await store.call("HGET", OUTCOMES, f"run/{server}"))
    await store.call(
        "HSET", OUTCOMES, f"run/{server}", json.dumps(run | {"began_ms": run["began_ms"] - by_ms})
    )


async def turn_window(store: Store) -> None:
    """Make the open window the one before."""
    await set_window(store, before=1)


async def set_window(store: Store, before: int) -> None:
    await store.call("HSET", OUTCOMES, "window", await now_ms(store) // 300_000 - before)


class TestInARow:
    async def test_the_fifth_5xx_ejects_and_tells_all_that_one_wants_to_know(
        self, store: Store, outliers: Outliers
    ) -> None:
        assert not (await outliers.judge("n1", "web", settings(), {"s0": fives(4)})).ejected
        async with hearing(store) as heard:
            judgement = await outliers.judge("n1", "web", settings(), {"s0": fives(1), "s1": good()})
            assert judgement.ejected == {"s0": "consecutive_5xx"}
            hint = {"pool": "web", "epoch": 11, "what": "eject", "server": "s0", "takes": "refuses"}
            assert await heard.all() == [hint]
        ejection = await ejection_of(store)
        at_ms = ejection.pop("at_ms")
        assert at_ms == pytest.approx(await now_ms(store), abs=5000)
        assert ejection == {
            "kind": "consecutive_5xx",
            "reason": "5 5xx in a row",
            "by": "n1",
            "until_ms": at_ms + 30_000,
            "times": 1,
        }
        reading = await Registry(store).read_pool("web")
        assert reading is not None
        assert [server.id for server in reading.snapshot.eligible] == list(SERVERS[1:])

    async def test_a_success_that_any_node_tells_of_breaks_the_run(
        self, store: Store, outliers: Outliers
    ) -> None:
        await outliers.judge("n1", "web", settings(), {"s0": fives(4)})
        await outliers.judge("n2", "web", settings(), {"s0": good()})
        assert not (await outliers.judge("n1", "web", settings(), {"s0": fives(4)})).ejected
        assert not (await outliers.judge("n2", "web", settings(), {"s0": fives(6, 1, since_ok=4)})).ejected
        assert (await outliers.judge("n1", "web", settings(), {"s0": fives(1)})).ejected

    async def test_the_failures_of_several_nodes_add_up_once_all_had_time_to_tell(
        self, store: Store, outliers: Outliers
    ) -> None:
        await make_live(store, "n1", "n2", "n3")
        for node in ("n1", "n2", "n3"):
            assert not (await outliers.judge(node, "web", settings(), {"s0": fives(2)})).ejected
        await age_run(store)
        assert (await outliers.judge("n1", "web", settings(), {"s0": fives(1)})).ejected

    async def test_a_failure_of_one_nodes_path_is_outweighed_by_the_successes_of_the_others(
        self, store: Store, outliers: Outliers
    ) -> None:
        await make_live(store, "n1", "n2")
        for _ in range(3):
            assert not (await outliers.judge("n1", "web", settings(), {"s0": resets(5)})).ejected
            await outliers.judge("n2", "web", settings(), {"s0": good()})

    @pytest.mark.parametrize(
        ("rule", "sample"),
        [
            ("consecutive_5xx", Sample(0, 5, Run(False, 5), NONE, NONE)),
            ("consecutive_gateway_failure", Sample(0, 5, NONE, Run(False, 5), NONE)),
            ("consecutive_local_origin_failure", resets(5)),
        ],
    )
    async def test_each_rule_ejects_by_itself_and_0_switches_it_off(
        self, outliers: Outliers, rule: str, sample: Sample
    ) -> None:
        off = {
            "consecutive_5xx": 0,
            "consecutive_gateway_failure": 0,
            "consecutive_local_origin_failure": 0,
        }
        assert not (await outliers.judge("n1", "web", settings(**off), {"s0": sample})).ejected
        only = settings(**off | {rule: 10})
        assert (await outliers.judge("n1", "web", only, {"s0": sample})).ejected == {"s0": rule}

    async def test_what_is_in_flight_when_a_server_returns_does_not_count_against_it(
        self, store: Store, outliers: Outliers
    ) -> None:
        await outliers.judge("n1", "web", settings(), {"s0": fives(5)})
        await outliers.judge("n1", "web", settings(), {"s0": fives(9)})
        await end_time_of(store)
        assert (await outliers.judge("n1", "web", settings(), {})).returned == {"s0": "time"}
        assert not (await outliers.judge("n1", "web", settings(), {"s0": fives(4)})).ejected


class TestRates:
    @pytest.mark.parametrize(("failed", "kind"), [(100, "success_rate"), (11, "success_rate"), (9, None)])
    async def test_a_server_far_below_the_mean_is_ejected_at_the_end_of_the_interval(
        self, store: Store, outliers: Outliers, failed: int, kind: str | None
    ) -> None:
        rules = settings(failure_percentage=0)
        bad = {"s0": fives(failed, 200 - failed, since_ok=0)}
        others = {server: good(200) for server in SERVERS[1:]}
        assert not (await outliers.judge("n1", "web", rules, bad | others)).ejected
        await turn_window(store)
        judgement = await outliers.judge("n2", "web", rules, {})
        assert judgement.ejected == ({"s0": kind} if kind else {})

    async def test_the_figures_of_all_nodes_make_the_volume(self, store: Store, outliers: Outliers) -> None:
        rules = settings(success_rate_stdev_factor=0)
        for node in ("n1", "n2", "n3"):
            samples = {"s0": fives(19, 1, since_ok=0)} | {server: good(20) for server in SERVERS[1:]}
            await outliers.judge(node, "web", rules, samples)
        await turn_window(store)
        assert (await outliers.judge("n1", "web", rules, {})).ejected == {"s0": "failure_percentage"}
        assert (await ejection_of(store))["reason"] == "95.0 % of 60 failed"

    @pytest.mark.parametrize(("servers", "requests"), [(4, 200), (10, 40)])
    async def test_few_servers_or_few_requests_say_nothing(
        self, store: Store, outliers: Outliers, servers: int, requests: int
    ) -> None:
        samples = {server: good(requests) for server in SERVERS[:servers]}
        await outliers.judge("n1", "web", settings(), samples | {"s0": fives(requests - 1, 1, since_ok=0)})
        await turn_window(store)
        assert not (await outliers.judge("n1", "web", settings(), {})).ejected

    async def test_an_interval_begins_with_nothing(self, store: Store, outliers: Outliers) -> None:
        await outliers.judge("n1", "web", settings(), {"s0": fives(100, 100, since_ok=0)})
        await turn_window(store)
        await outliers.judge("n1", "web", settings(), {"s1": good()})
        assert (await hash_at(store, OUTCOMES)).keys() == {"window", "total/s1", "run/s0"}

    async def test_an_interval_that_nobody_closed_in_time_is_not_judged(
        self, store: Store, outliers: Outliers
    ) -> None:
        samples = {"s0": fives(199, 1, since_ok=0)} | {server: good(200) for server in SERVERS[1:]}
        await outliers.judge("n1", "web", settings(), samples)
        await set_window(store, before=2)
        assert not (await outliers.judge("n1", "web", settings(), {})).ejected


def busy(mean_ms: int, requests: int = 100) -> Sample:
    return replace(good(requests), busy_ms=mean_ms * requests)


class TestLatency:
    async def judged(self, store: Store, outliers: Outliers, *means_ms: int, **rules: Any) -> Judgement:
        """What follows of an interval in which servers had these mean latencies."""
        for node in ("n1", "n2"):  # each with half of the requests
            samples = {f"s{number}": busy(mean, 50) for number, mean in enumerate(means_ms)}
            await outliers.judge(node, "web", settings(**rules), samples)
        await turn_window(store)
        return await outliers.judge("n1", "web", settings(**rules), {})

    async def test_a_server_far_slower_than_the_median_is_ejected(
        self, store: Store, outliers: Outliers
    ) -> None:
        judgement = await self.judged(store, outliers, 501, 100, 90, 110, 100)
        assert judgement.ejected == {"s0": "latency"}
        assert (await ejection_of(store))["reason"] == "501 ms on average, the median server 100 ms"

    @pytest.mark.parametrize(
        "means_ms",
        [
            (499, 100, 100, 100),  # not by the factor
            (99, 1, 1, 1),  # by more, and quick all the same
            (900, 1),  # of two
            (900, 900, 900, 1),  # all are
        ],
    )
    async def test_else_none_is(self, store: Store, outliers: Outliers, means_ms: tuple[int, ...]) -> None:
        assert not (await self.judged(store, outliers, *means_ms)).ejected

    async def test_of_an_even_number_the_median_lies_in_the_middle(
        self, store: Store, outliers: Outliers
    ) -> None:
        assert not (await self.judged(store, outliers, 990, 300, 100, 90)).ejected
        assert (await self.judged(store, outliers, 1010, 300, 100, 90)).ejected

    async def test_few_requests_say_nothing_and_0_switches_it_off(
        self, store: Store, outliers: Outliers
    ) -> None:
        assert not (await self.judged(store, outliers, 900, 1, 1, 1, latency_volume=101)).ejected
        assert not (await self.judged(store, outliers, 900, 1, 1, 1, latency_factor=0)).ejected

    async def test_being_busy_alone_breaks_no_run(self, outliers: Outliers) -> None:
        await outliers.judge("n1", "web", settings(), {"s0": fives(4)})
        await outliers.judge("n1", "web", settings(), {"s0": Sample(0, 0, NONE, NONE, NONE, busy_ms=250)})
        assert (await outliers.judge("n1", "web", settings(), {"s0": fives(1)})).ejected


class TestBounds:
    async def test_a_tenth_of_the_pool_may_be_out_and_the_worst_goes_first(
        self, store: Store, outliers: Outliers
    ) -> None:
        samples = {server: fives(5 + number) for number, server in enumerate(SERVERS)}
        judgement = await outliers.judge("n1", "web", settings(), samples)
        assert judgement.ejected == {"s9": "consecutive_5xx"}
        assert set(judgement.spared) == set(SERVERS[:9])

    @pytest.mark.parametrize(("share", "out"), [(0.0, 1), (0.39, 3), (0.5, 5), (1.0, 5)])
    async def test_the_share_holds_and_so_does_the_panic_rule(
        self, outliers: Outliers, share: float, out: int
    ) -> None:
        rules = settings(max_ejected=share)
        assert (
            len((await outliers.judge("n1", "web", rules, dict.fromkeys(SERVERS, fives(5)))).ejected) == out
        )

    async def test_the_last_server_stays_whatever_the_settings(
        self, store: Store, outliers: Outliers
    ) -> None:
        rules = settings(panic_threshold=0.0, max_ejected=1.0)
        judgement = await outliers.judge("n1", "web", rules, dict.fromkeys(SERVERS, fives(5)))
        assert (len(judgement.ejected), judgement.spared) == (9, ("s9",))

    async def test_servers_that_take_no_traffic_anyway_are_none_of_those_left(
        self, store: Store, outliers: Outliers
    ) -> None:
        for server in SERVERS[1:5]:
            await Registry(store).set_admin_state("web", server, AdminState.MAINT)
        down = {server: Vote(Health.DOWN, "L4CON") for server in SERVERS[5:]}
        await Verdicts(store).cast("web", "n1", down)
        free = settings(panic_threshold=0.0, max_ejected=1.0)
        assert (await outliers.judge("n1", "web", free, {"s0": fives(5)})).spared == ("s0",)
        unprobed = settings(0.0, "none", max_ejected=1.0)  # then verdicts of before do not hold
        assert (await outliers.judge("n1", "web", unprobed, {"s0": fives(5)})).ejected

    @pytest.mark.parametrize(("down_backups", "out"), [(0, True), (6, True), (7, False)])
    async def test_panic_is_a_matter_of_as_many_servers_as_there_are_primaries(
        self, store: Store, outliers: Outliers, down_backups: int, out: bool
    ) -> None:
        """Of two primaries and eight backups: no panic begins while two are healthy, whichever."""
        for number, server in enumerate(SERVERS[2:], 2):
            await Registry(store).register("web", record(server, 9000 + number, priority=1), ttl_ms=60_000)
        down = {server: Vote(Health.DOWN, "L4CON") for server in (*SERVERS[1:2], *SERVERS[2:][:down_backups])}
        await Verdicts(store).cast("web", "n1", down)
        judgement = await outliers.judge("n1", "web", settings(panic_threshold=1.0), {"s0": fives(5)})
        assert bool(judgement.ejected) is out

    @pytest.mark.parametrize("state", [AdminState.DRAIN, AdminState.MAINT])
    async def test_who_takes_nothing_new_is_not_ejected(
        self, store: Store, outliers: Outliers, state: AdminState
    ) -> None:
        await Registry(store).set_admin_state("web", "s0", state)
        judgement = await outliers.judge("n1", "web", settings(), {"s0": fives(5)})
        assert (judgement.ejected, judgement.spared) == ({}, ())

    @pytest.mark.parametrize("state", [ServerState.DRAIN, ServerState.DOWN])
    async def test_servers_that_say_themselves_that_they_are_out_are_none_of_those_left(
        self, store: Store, outliers: Outliers, state: ServerState
    ) -> None:
        for number, server in enumerate(SERVERS[1:], 1):
            await Registry(store).register("web", record(server, 9000 + number, state=state), ttl_ms=60_000)
        free = settings(panic_threshold=0.0, max_ejected=1.0)
        judgement = await outliers.judge("n1", "web", free, {"s0": fives(5), "s1": fives(5)})
        assert (judgement.ejected, judgement.spared) == ({}, ("s0",))

    @pytest.mark.parametrize(("port", "ejected"), [(9, {}), (0, {"s0": "consecutive_5xx"})])
    async def test_nor_are_those_of_which_agents_say_so_while_agents_are_asked(
        self, store: Store, outliers: Outliers, port: int, ejected: dict[str, str]
    ) -> None:
        await store.call("HSET", "lb:{web}:config", "health.agent.port", "9")
        for server in SERVERS[1:]:
            await Agents(store).note("web", server, Advice(state=ServerState.DRAIN), NO_ADVICE)
        free = settings(panic_threshold=0.0, max_ejected=1.0)
        asked = free.model_copy(update={"health": HealthSettings(agent=AgentSettings(port=port))})
        assert (await outliers.judge("n1", "web", asked, {"s0": fives(5)})).ejected == ejected

    async def test_nobody_is_ejected_twice_at_once(self, store: Store, outliers: Outliers) -> None:
        await outliers.judge("n1", "web", settings(max_ejected=1.0), {"s0": fives(5)})
        before = await ejection_of(store)
        assert not (await outliers.judge("n2", "web", settings(max_ejected=1.0), {"s0": fives(5)})).ejected
        assert await ejection_of(store) == before

    async def test_of_many_nodes_at_once_none_goes_beyond_the_budget(self, real_store: Store) -> None:
        for number, server in enumerate(SERVERS):
            await Registry(real_store).register("web", record(server, 9000 + number), ttl_ms=60_000)
        outliers, rules = Outliers(real_store), settings(max_ejected=0.3)
        judgements = await asyncio.gather(
            *(
                outliers.judge(f"n{number}", "web", rules, {SERVERS[number % 10]: fives(6)})
                for number in range(60)
            )
        )
        assert sum(len(judgement.ejected) for judgement in judgements) == 3
        assert len(await hash_at(real_store, EJECTIONS)) == 3
        assert await epoch_of(real_store) == 13


class TestReturn:
    async def test_the_time_grows_with_each_ejection_up_to_its_cap(
        self, store: Store, outliers: Outliers
    ) -> None:
        rules, lasted = settings(base_ejection_s=30.0, max_ejection_s=75.0), []
        for _ in range(3):
            await outliers.judge("n1", "web", rules, {"s0": fives(5)})
            ejection = await ejection_of(store)
            lasted.append(ejection["until_ms"] - ejection["at_ms"])
            await end_time_of(store)
            await outliers.judge("n1", "web", rules, {})
        assert lasted == [30_000, 60_000, 75_000]

    async def test_a_return_is_told_and_remembered(self, store: Store, outliers: Outliers) -> None:
        await outliers.judge("n1", "web", settings(), {"s0": fives(5)})
        await end_time_of(store)
        async with hearing(store) as heard:
            await outliers.judge("n2", "web", settings(), {})
            assert await heard.all() == [{"pool": "web", "epoch": 12, "what": "return", "server": "s0"}]
        ejection = await ejection_of(store)
        assert ejection["recovered_at_ms"] == pytest.approx(await now_ms(store), abs=5000)
        assert ejection["ended_by"] == "time"
        reading = await Registry(store).read_pool("web")
        assert reading is not None
        assert len(reading.snapshot.eligible) == 10

    async def test_one_that_returns_warms_up_where_the_pool_has_a_slow_start(
        self, store: Store, outliers: Outliers
    ) -> None:
        keys = store.keys.pool("web")
        await store.call("HSET", keys.weights, "entry_percent", "10")
        await outliers.judge("n1", "web", settings(), {"s0": fives(5)})
        await end_time_of(store)
        await outliers.judge("n1", "web", settings(), {})
        percent, since = await store.call("HMGET", keys.server("s0"), "percent", "warming_from_ms")
        assert percent == "10"
        assert int(since) == (await ejection_of(store))["recovered_at_ms"]

    async def test_each_interval_without_one_makes_the_next_ejection_shorter(
        self, store: Store, outliers: Outliers
    ) -> None:
        await outliers.judge("n1", "web", settings(), {"s0": fives(5)})
        await end_time_of(store)
        await outliers.judge("n1", "web", settings(), {})
        await change_ejection(store, times=3)
        for times in (2, 1, 0, 0):
            await turn_window(store)
            await outliers.judge("n1", "web", settings(), {})
            assert (await ejection_of(store))["times"] == times

    async def test_one_that_was_over_for_an_hour_is_forgotten(self, store: Store, outliers: Outliers) -> None:
        await outliers.judge("n1", "web", settings(), {"s0": fives(5)})
        await change_ejection(store, times=1, recovered_at_ms=await now_ms(store) - 3_600_001)
        await turn_window(store)
        await outliers.judge("n1", "web", settings(), {})
        assert await ejection_of(store) == {}

    async def test_probes_end_the_ejection_that_they_are_about_and_no_later_one(
        self, store: Store, outliers: Outliers
    ) -> None:
        await outliers.judge("n1", "web", settings(), {"s0": fives(5)})
        at_ms = (await ejection_of(store))["at_ms"]
        assert not (await outliers.judge("n1", "web", settings(), {}, {"s0": at_ms - 1})).returned
        assert (await outliers.judge("n1", "web", settings(), {}, {"s0": at_ms})).returned == {"s0": "probes"}

    async def test_a_server_that_registers_anew_begins_anew(self, store: Store, outliers: Outliers) -> None:
        await outliers.judge("n1", "web", settings(), {"s0": fives(5)})
        at_ms = await now_ms(store) - 5000
        await change_ejection(store, at_ms=at_ms)
        reading = await Registry(store).read_pool("web")
        assert reading is not None
        assert len(reading.snapshot.eligible) == 10
        assert not (await outliers.judge("n1", "web", settings(), {"s1": fives(5)})).spared
        assert await ejection_of(store) == {}

    async def test_one_that_left_takes_its_place_in_the_budget_with_it(
        self, store: Store, outliers: Outliers
    ) -> None:
        await outliers.judge("n1", "web", settings(), {"s0": fives(5)})
        await Registry(store).deregister("web", "s0")
        assert (await outliers.judge("n1", "web", settings(), {"s1": fives(5)})).ejected


class TestForeignContents:
    async def test_of_another_type_give_way(self, store: Store, outliers: Outliers) -> None:
        await store.call("SET", OUTCOMES, "garbage")
        await store.call("SET", EJECTIONS, "garbage")
        assert (await outliers.judge("n1", "web", settings(), {"s0": fives(5)})).ejected

    async def test_that_are_no_json_give_way(self, store: Store, outliers: Outliers) -> None:
        await outliers.judge("n1", "web", settings(), {"s1": good()})
        await store.call("HSET", OUTCOMES, "run/s0", "garbage", "total/s2", "x")
        await store.call("HSET", EJECTIONS, "s0", "garbage", "s1", '{"at_ms": "x"}')
        await turn_window(store)
        assert (await outliers.judge("n1", "web", settings(), {"s0": fives(5)})).ejected

    async def test_the_counts_end_by_themselves(self, store: Store, outliers: Outliers) -> None:
        await outliers.judge("n1", "web", settings(interval_s=10.0), {"s0": good()})
        assert 29_000 < await store.call("PTTL", OUTCOMES) <= 30_000


async def test_a_server_that_was_started_anew_is_not_blamed_for_the_run_before(
    store: Store, outliers: Outliers
) -> None:
    assert not (await outliers.judge("n1", "web", settings(), {"s0": fives(4)})).ejected
    await store.call("HSET", "lb:{web}:server:s0", "registered_at_ms", await now_ms(store) + 1)
    assert not (await outliers.judge("n1", "web", settings(), {"s0": fives(1)})).ejected


async def test_runs_of_servers_that_left_are_forgotten_at_the_end_of_the_interval(
    store: Store, outliers: Outliers
) -> None:
    await outliers.judge("n1", "web", settings(), {"s0": fives(1), "s1": fives(1)})
    await Registry(store).deregister("web", "s0")
    await store.call("HINCRBY", OUTCOMES, "window", -1)
    await outliers.judge("n1", "web", settings(), {})
    runs = {field for field in await hash_at(store, OUTCOMES) if field.startswith("run/")}
    assert runs == {"run/s1"}


async def test_servers_that_left_leave_no_run(store: Store, outliers: Outliers) -> None:
    assert not (await outliers.judge("n1", "web", settings(), {"nobody": fives(9)})).ejected
    assert "run/nobody" not in await hash_at(store, OUTCOMES)


async def test_a_sample_may_be_of_more_servers_than_one_command_takes(real_store: Store) -> None:
    samples = {f"s{number}": fives(1, 2) for number in range(2500)}
    await Registry(real_store).register("web", record("s7"), ttl_ms=60_000)
    for _ in range(2):
        await Outliers(real_store).judge("n1", "web", settings(), samples)
    counts = await hash_at(real_store, OUTCOMES)
    assert {counts[f"total/{server}"] for server in samples} == {"6"}
    assert {counts[f"failed/{server}"] for server in samples} == {"2"}
    await Outliers(real_store).judge("n1", "web", settings(), dict.fromkeys(samples, good()))
    assert "run/s7" not in await hash_at(real_store, OUTCOMES)
