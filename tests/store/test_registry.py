"""Servers come, stay, are marked and go; read from the keyspace that is left."""

from __future__ import annotations

import asyncio

import pytest

from cluster_lb.errors import InvalidValueError, NotFoundError
from cluster_lb.model.availability import AdminState, Health, ServerState
from cluster_lb.model.verdict import Vote
from cluster_lb.settings.schema import PoolSettings
from cluster_lb.store.client import Store
from cluster_lb.store.loads import Loads
from cluster_lb.store.pools import PoolConfigs
from cluster_lb.store.registry import Registry, SweepResult
from cluster_lb.store.verdicts import Verdicts
from tests.doubles.keyspace import (
    epoch_of,
    hash_at,
    hearing,
    key_names,
    lease_left_ms,
    now_ms,
    record,
    set_lease,
    set_swept,
)


@pytest.fixture
def registry(store: Store) -> Registry:
    return Registry(store)


class TestRegister:
    async def test_creates_the_pool_with_the_defaults_and_the_server_in_plain_fields(
        self, store: Store, registry: Registry
    ) -> None:
        async with hearing(store) as heard:
            report = {"cpu": 0.5, "in_flight": 7}
            server = record("a", weight=3, zone="z1", priority=1, report=report, instance="i1")
            assert await registry.register("web", server) == 1
            assert await heard.all() == [{"pool": "web", "epoch": 1, "what": "register", "server": "a"}]
        assert await key_names(store) == {
            "pools",
            "{web}:config",
            "{web}:epoch",
            "{web}:servers",
            "{web}:server:a",
            "{web}:sweep",
        }
        fields = await hash_at(store, "lb:{web}:server:a")
        assert int(fields.pop("registered_at_ms")) == pytest.approx(await now_ms(store), abs=5000)
        assert fields == {
            "address": "127.0.0.1:9001",
            "weight": "3",
            "instance": "i1",
            "zone": "z1",
            "priority": "1",
            "admin_state": "READY",
            "ttl_ms": "6000",
            "stale": "0",
            "state": "up",
            "state_reason": "",
            "report.cpu": "0.5",
            "report.in_flight": "7",
        }
        assert 4000 < await lease_left_ms(store, "a") <= 6000
        config = await hash_at(store, "lb:{web}:config")
        assert int(config.pop("created_ms")) == pytest.approx(await now_ms(store), abs=5000)
        assert config == {"revision": "0"}
        assert await store.call("SMEMBERS", "lb:pools") == {"web"}

    async def test_a_heartbeat_renews_lease_and_report_and_raises_no_epoch(
        self, store: Store, registry: Registry
    ) -> None:
        await registry.register("web", record("a", report={"cpu": 0.5, "memory": 0.1}))
        before = await hash_at(store, "lb:{web}:server:a")
        await set_lease(store, 100, "a")
        async with hearing(store) as heard:
            assert await registry.register("web", record("a", report={"cpu": 0.75})) == 1
            assert await heard.all() == []
        assert await lease_left_ms(store, "a") > 4000
        del before["report.memory"]
        assert await hash_at(store, "lb:{web}:server:a") == before | {"report.cpu": "0.75"}

    @pytest.mark.parametrize("change", [{"port": 9002}, {"weight": 2}, {"zone": "other"}, {"priority": 1}])
    async def test_a_changed_record_raises_the_epoch(
        self, store: Store, registry: Registry, change: dict[str, object]
    ) -> None:
        await registry.register("web", record("a"))
        async with hearing(store) as heard:
            assert await registry.register("web", record("a", **change)) == 2  # type: ignore[arg-type]
            assert await heard.whats() == ["register"]

    async def test_a_changed_word_of_the_server_raises_the_epoch_and_another_reason_does_not(
        self, store: Store, registry: Registry
    ) -> None:
        await registry.register("web", record("a"))
        async with hearing(store) as heard:
            down = record("a", state=ServerState.DOWN, state_reason="disk full")
            assert await registry.register("web", down) == 2
            other = record("a", state=ServerState.DOWN, state_reason="disk very full")
            assert await registry.register("web", other) == 2
            assert await registry.register("web", record("a")) == 3
            assert await heard.whats() == ["state", "state"]

    async def test_the_hint_of_a_word_that_takes_the_server_out_says_what_is_left_of_it(
        self, store: Store, registry: Registry
    ) -> None:
        await registry.register("web", record("a"))
        async with hearing(store) as heard:
            for state in ServerState.DRAIN, ServerState.DOWN, ServerState.BUSY, ServerState.UP:
                await registry.register("web", record("a", state=state))
            takes = [hint.get("takes") for hint in await heard.all()]
            assert takes == ["persists", "refuses", None, None]

    async def test_a_server_that_was_started_anew_raises_the_epoch_for_what_was_held_against_it_ends(
        self, store: Store, registry: Registry
    ) -> None:
        await registry.register("web", record("a", instance="i1"))
        assert await registry.register("web", record("a", instance="i2")) == 2
        assert await registry.register("web", record("a", instance="i2")) == 2

    async def test_what_a_server_said_before_it_left_is_forgotten(
        self, store: Store, registry: Registry
    ) -> None:
        await registry.register("web", record("a", state=ServerState.DRAIN))
        await registry.deregister("web", "a")
        await registry.register("web", record("a"))
        reading = await registry.read_pool("web")
        assert reading is not None
        assert reading.snapshot.servers[0].state is ServerState.UP

    async def test_a_heartbeat_repairs_what_redis_forgot(self, store: Store, registry: Registry) -> None:
        await registry.register("web", record("a"))
        await store.call("DEL", "lb:{web}:server:a")
        assert await registry.register("web", record("a")) == 2
        assert (await hash_at(store, "lb:{web}:server:a"))["address"] == "127.0.0.1:9001"
        await store.call("FLUSHALL")
        assert await registry.register("web", record("a")) == 1
        assert await store.call("SMEMBERS", "lb:pools") == {"web"}

    async def test_a_heartbeat_clears_stale(self, store: Store, registry: Registry) -> None:
        await registry.register("web", record("a"))
        await store.call("HSET", "lb:{web}:server:a", "stale", 1)
        await registry.register("web", record("a"))
        assert (await hash_at(store, "lb:{web}:server:a"))["stale"] == "0"

    async def test_foreign_contents_under_our_keys_give_way(self, store: Store, registry: Registry) -> None:
        for key in ("config", "servers", "server:a", "verdicts", "sweep"):
            await store.call("SET", "lb:{web}:" + key, "garbage")
        await store.call("SET", "lb:{web}:epoch", "garbage")
        assert await registry.register("web", record("a")) == 1
        reading = await registry.read_pool("web")
        assert reading is not None
        assert [server.id for server in reading.snapshot.servers] == ["a"]

    async def test_a_server_that_comes_anew_starts_without_verdict(
        self, store: Store, registry: Registry
    ) -> None:
        await registry.register("web", record("a"))
        await Verdicts(store).cast("web", "n1", {"a": Vote(Health.DOWN, "L4CON")})
        await store.call("ZREM", "lb:{web}:servers", "a")
        await registry.register("web", record("a"))
        assert await store.call("EXISTS", "lb:{web}:verdicts", "lb:{web}:votes:a") == 0

    async def test_an_address_outside_the_pools_networks_is_refused(
        self, store: Store, registry: Registry
    ) -> None:
        configs = PoolConfigs(store)
        await registry.register("web", record("early"))
        await configs.apply({"web": PoolSettings.model_validate({"allow": ["10.0.0.0/8", "fd00::/8"]})}, ())
        with pytest.raises(
            InvalidValueError, match=r"'127.0.0.1:9001': pool 'web' allows 10.0.0.0/8, fd00::/8 only"
        ):
            await registry.register("web", record("a"))
        assert await store.call("EXISTS", "lb:{web}:server:a") == 0
        await configs.apply({"web": PoolSettings.model_validate({"allow": ["127.0.0.0/8"]})}, ())
        await registry.register("web", record("a"))

    async def test_a_pool_that_must_exist_is_not_created(self, store: Store, registry: Registry) -> None:
        with pytest.raises(NotFoundError, match="'web' does not exist"):
            await registry.register("web", record("a"), may_create=False)
        assert await key_names(store) == set()

    @pytest.mark.parametrize("ttl_ms", [0, 299, 3_600_001])
    async def test_a_lease_out_of_range_is_refused(self, registry: Registry, ttl_ms: int) -> None:
        with pytest.raises(InvalidValueError, match=f"lease {ttl_ms} ms"):
            await registry.register("web", record("a"), ttl_ms)

    async def test_many_servers_at_once_all_register_and_each_has_its_epoch(self, real_store: Store) -> None:
        registry = Registry(real_store)
        epochs = await asyncio.gather(
            *(registry.register("web", record(f"s{number}")) for number in range(50) for _ in range(3))
        )
        assert sorted(set(epochs)) == list(range(1, 51))
        assert await epoch_of(real_store) == 50


class TestLeaving:
    async def test_deregister_leaves_nothing_of_an_unmarked_server(
        self, store: Store, registry: Registry
    ) -> None:
        await registry.register("web", record("a"))
        await Verdicts(store).cast("web", "n1", {"a": Vote(Health.UP, "ok")})
        await Loads(store).publish("web", "n1", 5000, 1, {"a": 4})
        async with hearing(store) as heard:
            assert await registry.deregister("web", "a") is True
            hint = {"pool": "web", "epoch": 3, "what": "remove", "server": "a", "takes": "refuses"}
            assert await heard.all() == [hint]
            assert await registry.deregister("web", "a") is False
            assert await heard.all() == []
        left = {"pools", "{web}:config", "{web}:epoch", "{web}:sweep", "{web}:nodes", "{web}:seen"}
        assert await key_names(store) == left

    async def test_an_operators_marks_outlive_the_server_for_a_day(
        self, store: Store, registry: Registry
    ) -> None:
        await registry.register("web", record("a", weight=2, report={"cpu": 1}))
        await registry.set_admin_state("web", "a", AdminState.DRAIN)
        await registry.set_weight("web", "a", 9)
        await registry.deregister("web", "a")
        assert await hash_at(store, "lb:{web}:server:a") == {"admin_state": "DRAIN", "admin_weight": "9"}
        assert 86390 < await store.call("TTL", "lb:{web}:server:a") <= 86400
        await registry.register("web", record("a", weight=2))
        assert await store.call("TTL", "lb:{web}:server:a") == -1
        reading = await registry.read_pool("web")
        assert reading is not None
        (server,) = reading.snapshot.servers
        assert (server.admin_state, server.weight, server.effective_weight) == (AdminState.DRAIN, 9, 9)

    async def test_remove_forgets_the_marks_too(self, store: Store, registry: Registry) -> None:
        await registry.register("web", record("a"))
        await registry.set_weight("web", "a", 9)
        await registry.remove("web", "a")
        assert "{web}:server:a" not in await key_names(store)
        with pytest.raises(NotFoundError, match="pool 'web' has no server 'a'"):
            await registry.remove("web", "a")

    @pytest.mark.parametrize("key", ["server:a", "verdicts", "nodes", "load"])
    async def test_remove_works_whatever_lies_under_the_servers_keys(
        self, store: Store, registry: Registry, key: str
    ) -> None:
        await registry.register("web", record("a"))
        await store.call("SET", "lb:{web}:" + key, "garbage")
        await registry.remove("web", "a")
        assert not {name for name in await key_names(store) if name.startswith("{web}:server")}

    async def test_remove_forgets_the_marks_of_a_server_that_left(
        self, store: Store, registry: Registry
    ) -> None:
        await registry.register("web", record("a"))
        await registry.set_weight("web", "a", 9)
        await registry.deregister("web", "a")
        await registry.remove("web", "a")
        assert "{web}:server:a" not in await key_names(store)


class TestMarks:
    async def test_a_mark_raises_the_epoch_once(self, store: Store, registry: Registry) -> None:
        await registry.register("web", record("a"))
        async with hearing(store) as heard:
            for _ in range(2):
                await registry.set_admin_state("web", "a", AdminState.MAINT)
            hint = {"pool": "web", "epoch": 2, "what": "mark", "server": "a", "takes": "refuses"}
            assert await heard.all() == [hint]

    async def test_the_hint_of_one_that_takes_a_server_out_says_what_is_left_of_it(
        self, store: Store, registry: Registry
    ) -> None:
        await registry.register("web", record("a"))
        async with hearing(store) as heard:
            for state in AdminState.DRAIN, AdminState.READY:
                await registry.set_admin_state("web", "a", state)
            await registry.set_weight("web", "a", 0)
            assert [hint.get("takes") for hint in await heard.all()] == ["persists", None, None]

    async def test_marks_hold_whatever_heartbeats_say(self, store: Store, registry: Registry) -> None:
        await registry.register("web", record("a", weight=1))
        await registry.set_weight("web", "a", 0)
        await registry.set_admin_state("web", "a", AdminState.DRAIN)
        assert await registry.register("web", record("a", weight=1)) == 3
        fields = await hash_at(store, "lb:{web}:server:a")
        assert (fields["weight"], fields["admin_weight"], fields["admin_state"]) == ("1", "0", "DRAIN")

    async def test_an_unknown_server_cannot_be_marked(self, registry: Registry) -> None:
        with pytest.raises(NotFoundError, match="pool 'web' has no server 'a'"):
            await registry.set_admin_state("web", "a", AdminState.DRAIN)

    async def test_a_weight_out_of_range_is_refused(self, registry: Registry) -> None:
        with pytest.raises(InvalidValueError, match="257"):
            await registry.set_weight("web", "a", 257)

    async def test_marking_one_that_left_changes_its_marks_only(
        self, store: Store, registry: Registry
    ) -> None:
        await registry.register("web", record("a"))
        await registry.set_weight("web", "a", 9)
        await registry.deregister("web", "a")
        async with hearing(store) as heard:
            await registry.set_weight("web", "a", 5)
            assert await heard.all() == []
        assert await hash_at(store, "lb:{web}:server:a") == {"admin_weight": "5"}
        assert await store.call("TTL", "lb:{web}:server:a") > 86000


class TestSweep:
    """Leases are moved instead of waited for; `swept` lets the next sweep work."""

    @pytest.fixture
    async def ten(self, store: Store, registry: Registry) -> list[str]:
        """Ten servers, swept a second ago."""
        servers = [f"s{number}" for number in range(10)]
        for server in servers:
            await registry.register("web", record(server))
        await set_swept(store)
        return servers

    async def servers(self, store: Store) -> list[str]:
        return list(await store.call("ZRANGE", "lb:{web}:servers", 0, -1))

    async def test_retires_what_expired_and_says_so(
        self, store: Store, registry: Registry, ten: list[str]
    ) -> None:
        await set_lease(store, -1, "s3", "s4")
        async with hearing(store) as heard:
            result = await registry.sweep("web")
            assert await heard.all() == [{"pool": "web", "epoch": 11, "what": "sweep", "server": "s3 s4"}]
        assert result == SweepResult(retired=("s3", "s4"), registered=10)
        assert len(await self.servers(store)) == 8
        assert "{web}:server:s3" not in await key_names(store)

    async def test_leaves_a_pool_alone_whose_leases_live(
        self, store: Store, registry: Registry, ten: list[str]
    ) -> None:
        async with hearing(store) as heard:
            assert await registry.sweep("web") == SweepResult(registered=10)
            assert await heard.all() == []

    async def test_of_several_callers_one_works(
        self, store: Store, registry: Registry, ten: list[str]
    ) -> None:
        await set_lease(store, -1, "s3")
        results = await asyncio.gather(*(registry.sweep("web") for _ in range(5)))
        assert sorted(result.retired for result in results) == [(), (), (), (), ("s3",)]
        assert sum(result.registered for result in results) == 10

    @pytest.mark.parametrize("key", ["server:s3", "verdicts", "nodes", "load", "seen"])
    async def test_foreign_contents_keep_no_dead_server_in_its_pool(
        self, store: Store, registry: Registry, ten: list[str], key: str
    ) -> None:
        await set_lease(store, -20_000, "s3")
        await store.call("SET", "lb:{web}:" + key, "garbage")
        assert (await registry.sweep("web")).retired == ("s3",)

    async def test_keeps_the_marks_of_what_it_retires(
        self, store: Store, registry: Registry, ten: list[str]
    ) -> None:
        await registry.set_admin_state("web", "s3", AdminState.DRAIN)
        await set_lease(store, -1, "s3")
        await registry.sweep("web")
        assert await hash_at(store, "lb:{web}:server:s3") == {"admin_state": "DRAIN"}

    @pytest.mark.parametrize("silence", ["nobody swept for long", "never swept"])
    async def test_retires_nobody_for_two_leases_after_a_silence(
        self, store: Store, registry: Registry, ten: list[str], silence: str
    ) -> None:
        if silence == "never swept":
            await store.call("DEL", "lb:{web}:sweep")
        else:
            await set_swept(store, ago_ms=3500)
        await set_lease(store, -20_000, *ten)
        assert await registry.sweep("web") == SweepResult(held=True, registered=10)
        hold = int((await hash_at(store, "lb:{web}:sweep"))["hold_until_ms"]) - await now_ms(store)
        assert 11_000 < hold <= 12_000
        await set_swept(store)
        assert (await registry.sweep("web")).held
        await set_swept(store)
        await store.call("HSET", "lb:{web}:sweep", "hold_until_ms", await now_ms(store))
        assert len((await registry.sweep("web")).retired) == 10

    async def test_keeps_servers_as_stale_when_most_are_cut_off(
        self, store: Store, registry: Registry, ten: list[str]
    ) -> None:
        # Heartbeats stopped at one moment; the leases end one after the other.
        await set_lease(store, -1, "s0", "s1")
        await set_lease(store, 1500, "s2", "s3", "s4", "s5")
        result = await registry.sweep("web")
        assert result == SweepResult(stale=("s0", "s1"), registered=10)
        assert (await hash_at(store, "lb:{web}:server:s0"))["stale"] == "1"
        await set_swept(store)
        assert await registry.sweep("web") == SweepResult(registered=10)

    async def test_stale_servers_leave_after_one_further_lease(
        self, store: Store, registry: Registry, ten: list[str]
    ) -> None:
        await set_lease(store, -1, *ten[:6])
        assert len((await registry.sweep("web")).stale) == 6
        await set_lease(store, -6001, "s0")
        await set_lease(store, -5000, *ten[1:6])
        await set_swept(store)
        assert (await registry.sweep("web")).retired == ("s0",)

    async def test_preservation_lasts_until_its_servers_are_gone_though_they_are_few_by_then(
        self, store: Store, registry: Registry, ten: list[str]
    ) -> None:
        await set_lease(store, -1, *ten[:3])
        await set_lease(store, 1500, *ten[3:6])
        await registry.sweep("web")
        for server in ten[:3]:
            await registry.deregister("web", server)
        await set_lease(store, -1, "s3")
        await set_swept(store)
        result = await registry.sweep("web")  # 3 of 7: under half, and still the same event
        assert result == SweepResult(stale=("s3",), registered=7)

    async def test_those_that_probes_find_down_leave_at_once(
        self, store: Store, registry: Registry, ten: list[str]
    ) -> None:
        await Verdicts(store).cast(
            "web", "n1", {"s0": Vote(Health.DOWN, "L4CON"), "s1": Vote(Health.UP, "ok")}
        )
        await set_lease(store, -1, *ten[:6])
        result = await registry.sweep("web")
        assert result.retired == ("s0",)
        assert len(result.stale) == 5

    async def test_forgets_the_nodes_and_loads_of_dead_nodes(
        self, store: Store, registry: Registry, ten: list[str]
    ) -> None:
        loads = Loads(store)
        await loads.publish("web", "dead", 5000, 3, {"s0": 1, "s1": 2})
        await loads.publish("web", "dead2", 5000, 3, {"s0": 1})
        await store.call("ZADD", "lb:{web}:nodes", 1, "dead")
        await registry.sweep("web")
        assert await store.call("ZRANGE", "lb:{web}:nodes", 0, -1) == ["dead2"]
        assert await hash_at(store, "lb:{web}:load") == {"dead2/s0": "1"}
        assert await hash_at(store, "lb:{web}:seen") == {"dead2": "3"}


class TestReading:
    async def test_a_pool_that_does_not_exist_reads_as_none(self, registry: Registry) -> None:
        assert await registry.read_pool("web") is None
        assert await registry.pool_names() == []

    async def test_names_are_in_order(self, registry: Registry) -> None:
        for pool in ("web", "api"):
            await registry.register(pool, record("a"))
        assert await registry.pool_names() == ["api", "web"]
