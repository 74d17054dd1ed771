"""The view follows the cluster: by hint, by timer, through outages, and gives back what Redis forgot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from cluster_lb.errors import StoreError
from cluster_lb.model.availability import AdminState, Health
from cluster_lb.model.member import Member
from cluster_lb.model.verdict import Vote
from cluster_lb.settings.routes import RouteSettings
from cluster_lb.settings.schema import PoolSettings
from cluster_lb.store import view as view_module
from cluster_lb.store.bus import Hint
from cluster_lb.store.client import Store
from cluster_lb.store.membership import Membership
from cluster_lb.store.pools import PoolConfigs
from cluster_lb.store.readings import PoolReading
from cluster_lb.store.registry import Registry
from cluster_lb.store.verdicts import Verdicts
from cluster_lb.store.view import View
from tests.doubles.keyspace import epoch_of, hash_at, record, set_lease, set_swept
from tests.doubles.redis_servers import RedisServer
from tests.doubles.waiting import eventually

Viewing = Callable[..., AbstractAsyncContextManager[View]]


@pytest.fixture
def slow_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only hints make a difference: the timer is out of the way."""
    monkeypatch.setattr(view_module, "CHECK_S", 60.0)


@asynccontextmanager
async def viewing(url: str, node: str = "n1") -> AsyncIterator[View]:
    """A view of its own connection, running, with a first copy of everything."""
    async with Store.from_url(url) as store:
        view = View(store, node)
        await view.resync()
        task = asyncio.ensure_future(view.run())
        try:
            yield view
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def server_ids(view: View, pool: str = "web") -> list[str]:
    reading = view.readings.get(pool)
    return [server.id for server in reading.snapshot.servers] if reading else []


async def heard_by(store: Store, count: int) -> None:
    """Wait until `count` views are subscribed."""

    async def subscribed() -> bool:
        return (await store.call("PUBSUB", "NUMSUB", store.keys.events))[-1] == count

    await eventually(subscribed)


class TestFollowing:
    @pytest.mark.usefixtures("slow_timer")
    async def test_a_hint_brings_the_change_to_every_view(
        self, shared_server: RedisServer, real_store: Store
    ) -> None:
        async with viewing(shared_server.url, "n1") as one, viewing(shared_server.url, "n2") as two:
            await heard_by(real_store, 2)
            await Registry(real_store).register("web", record("a"))
            await eventually(lambda: server_ids(one) == server_ids(two) == ["a"])
            await Registry(real_store).set_admin_state("web", "a", AdminState.DRAIN)
            await eventually(lambda: one.readings["web"].snapshot.servers[0].admin_state is AdminState.DRAIN)

    async def test_the_timer_brings_what_no_hint_told(
        self, shared_server: RedisServer, real_store: Store
    ) -> None:
        async with viewing(shared_server.url) as view:
            registry = Registry(real_store)
            await registry.register("web", record("a"))
            await eventually(lambda: server_ids(view) == ["a"])
            await real_store.call("ZREM", "lb:{web}:servers", "a")
            await real_store.call("INCR", "lb:{web}:epoch")
            await eventually(lambda: server_ids(view) == [], within_s=3)

    async def test_callbacks_hear_of_new_epochs_only(
        self, shared_server: RedisServer, real_store: Store
    ) -> None:
        registry = Registry(real_store)
        epochs: list[int] = []
        async with viewing(shared_server.url) as view:
            view.on_pool.append(lambda reading: epochs.append(reading.epoch))
            await registry.register("web", record("a"))
            await eventually(lambda: epochs == [1])
            for cpu in (0.1, 0.2):
                await registry.register("web", record("a", report={"cpu": cpu}))
            await view.resync()
            await registry.register("web", record("b"))
            await eventually(lambda: epochs == [1, 2])

    async def test_a_burst_of_changes_costs_few_reads_and_the_last_one_is_seen(
        self, shared_server: RedisServer, real_store: Store
    ) -> None:
        registry = Registry(real_store)
        readings: list[PoolReading] = []
        async with viewing(shared_server.url) as view:
            await heard_by(real_store, 1)
            view.on_pool.append(readings.append)
            await asyncio.gather(
                *(registry.register("web", record(f"s{number:03}")) for number in range(300))
            )
            await eventually(lambda: len(server_ids(view)) == 300)
        assert len(readings) < 150

    async def test_what_takes_a_server_out_does_not_wait_for_the_gap_of_a_storm(
        self, real_store: Store
    ) -> None:
        await Registry(real_store).register("web", record("a"))
        view = View(real_store, "n1")
        await view.resync()
        view._pacing.was_read("web", began=0.0, ended=60.0)
        view._take_hint(Hint("web", 9, "register", "b"))
        assert view._pacing.next_due(61.0) is None
        view._take_hint(Hint("web", 10, "state", "a", "refuses"))
        assert view._pacing.next_due(61.0) == "web"

    async def test_routes_and_members_are_followed(
        self, shared_server: RedisServer, real_store: Store
    ) -> None:
        routes = (RouteSettings(host="a.example", pool="web"),)
        seen: list[object] = []
        async with viewing(shared_server.url) as view:
            view.on_routes.append(seen.append)
            view.on_members.append(seen.append)
            await PoolConfigs(real_store).apply({}, routes)
            await eventually(lambda: view.routes == routes)
            membership = Membership(real_store, lease_ms=2000)
            await membership.renew(Member("n7", "1.0", zone="z"))
            await eventually(lambda: [member.id for member in view.members] == ["n7"])
            assert view.members[0].zone == "z"
            await eventually(lambda: view.members == ())
        assert [type(item) for item in seen] == [tuple] * 3

    async def test_members_stay_until_this_node_is_one_again(self, store: Store) -> None:
        membership = Membership(store)
        for node in ("n1", "n2"):
            await membership.renew(Member(node, "1.0"))
        view = View(store, "n1")
        await view.resync()
        await store.call("DEL", "lb:members")  # as when Redis takes no writes, and all leases end
        await view.resync()
        assert [member.id for member in view.members] == ["n1", "n2"]
        await membership.renew(Member("n1", "1.0"))
        await view.resync()
        assert [member.id for member in view.members] == ["n1"]

    async def test_a_member_that_moves_to_another_zone_is_told(
        self, shared_server: RedisServer, real_store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(view_module, "CHECK_S", 0.01)
        membership = Membership(real_store, lease_ms=60_000)
        await membership.renew(Member("n7", "1.0", zone="z"))
        zones: list[str] = []
        async with viewing(shared_server.url) as view:
            view.on_members.append(lambda members: zones.append(members[0].zone))
            await membership.renew(Member("n7", "1.1", zone="z"))
            await eventually(lambda: view.members[0].version == "1.1")
            await membership.renew(Member("n7", "1.1", zone="y"))
            await eventually(lambda: zones)
        assert zones == ["y"]

    async def test_hints_are_passed_on(self, shared_server: RedisServer, real_store: Store) -> None:
        whats: list[str] = []
        async with viewing(shared_server.url) as view:
            view.on_hint.append(lambda hint: whats.append(hint.what))
            await heard_by(real_store, 1)
            await Registry(real_store).register("web", record("a"))
            await eventually(lambda: whats == ["register"])

    async def test_idle_it_asks_redis_for_little(self, shared_server: RedisServer, real_store: Store) -> None:
        await Registry(real_store).register("web", record("a"))
        async with Store.from_url(shared_server.url) as store:
            view = View(store, "n1")
            await view.resync()
            before = store.counters.commands
            await view._check(whole=False)
            await view._read("web")
            assert store.counters.commands - before <= 4


class TestOutages:
    async def test_a_frozen_redis_changes_nothing_and_what_happens_after_is_seen(
        self, own_server: RedisServer
    ) -> None:
        async with Store.from_url(own_server.url) as other, viewing(own_server.url) as view:
            registry = Registry(other)
            await registry.register("web", record("a"))
            await eventually(lambda: server_ids(view) == ["a"])
            own_server.freeze()
            await eventually(lambda: view.age_s() > 1.5)
            assert server_ids(view) == ["a"]
            own_server.thaw()
            await eventually(lambda: view.age_s() < 1.0, within_s=5)
            await other.wait_up()
            await registry.register("web", record("b"))
            await eventually(lambda: server_ids(view) == ["a", "b"], within_s=2)

    @pytest.mark.usefixtures("slow_timer")
    async def test_hints_are_heard_again_after_a_restart(self, own_server: RedisServer) -> None:
        async with Store.from_url(own_server.url) as other, viewing(own_server.url) as view:
            registry = Registry(other)
            await registry.register("web", record("a"))
            await heard_by(other, 1)
            own_server.restart_empty()
            await other.wait_up()
            view.refresh("web")
            await eventually(lambda: view.age_s() < 60)

            async def registered() -> bool:
                await other.wait_up()
                await registry.register("web", record("b"))
                return "b" in server_ids(view)

            await eventually(registered)


class TestAnEmptiedRedis:
    """Redis is killed and restarted empty, or otherwise forgets."""

    async def filled(self, store: Store) -> dict[str, dict[str, str]]:
        """A pool with all that nodes know of it; returns its hashes."""
        registry = Registry(store)
        settings = PoolSettings.model_validate({"policy": "round_robin", "health": {"path": "/up"}})
        await PoolConfigs(store).apply({"web": settings}, [RouteSettings(pool="web")])
        await registry.register("web", record("a", weight=3, zone="z", priority=1))
        await registry.register("web", record("b"))
        await registry.set_admin_state("web", "a", AdminState.DRAIN)
        await registry.set_weight("web", "a", 9)
        await Verdicts(store).cast("web", "n1", {"b": Vote(Health.DOWN, "L4CON refused")})
        return {
            key: await hash_at(store, "lb:{web}:" + key)
            for key in ("server:a", "server:b", "config", "verdicts")
        }

    async def test_gets_everything_back(self, own_server: RedisServer) -> None:
        async with Store.from_url(own_server.url) as store, viewing(own_server.url) as view:
            before = await self.filled(store)
            await eventually(lambda: view.readings.get("web") and view.readings["web"].epoch == 6)
            await eventually(lambda: view.routes)
            own_server.restart_empty()
            await store.wait_up()

            async def is_back() -> bool:
                return await store.call("EXISTS", "lb:routes", "lb:pools", "lb:{web}:servers") == 3

            await eventually(is_back)
            after = {key: await hash_at(store, "lb:{web}:" + key) for key in before}
            assert after.pop("config") == before.pop("config") | {"seeds": "1"}
            assert after == before
            assert await epoch_of(store) == 7
            assert (await PoolConfigs(store).routes())[1] == view.routes
            assert (await Registry(store).sweep("web")).retired == ()
            await set_lease(store, -1, "a", "b")
            await set_swept(store)
            assert (await Registry(store).sweep("web")).held

    async def test_never_reaches_the_data_path_as_an_empty_pool(self, own_server: RedisServer) -> None:
        async with Store.from_url(own_server.url) as store, viewing(own_server.url) as view:
            sizes: list[int] = []
            await self.filled(store)
            await eventually(lambda: view.readings.get("web") and view.readings["web"].epoch == 6)
            view.on_pool.append(lambda reading: sizes.append(len(reading.snapshot.servers)))
            own_server.restart_empty()
            await eventually(lambda: view.readings["web"].epoch == 7)
            assert set(sizes) == {2}

    async def test_that_heartbeats_began_to_fill_gets_the_rest_and_the_marks(
        self, own_server: RedisServer
    ) -> None:
        async with Store.from_url(own_server.url) as store:
            await self.filled(store)
            view = View(store, "n1")
            await view.resync()
            await store.call("FLUSHALL")
            await Registry(store).register("web", record("a", weight=3, zone="z"))
            await view.resync()
            servers = view.readings["web"].snapshot.servers
            assert [(s.id, s.admin_state, s.weight, s.effective_weight) for s in servers] == [
                ("a", AdminState.DRAIN, 9, 9),
                ("b", AdminState.READY, 1, 1),
            ]
            assert view.readings["web"].settings.policy == "round_robin"
            assert servers[1].health is Health.DOWN

    async def test_converges_when_several_nodes_give_back_what_each_knows(self, real_store: Store) -> None:
        registry = Registry(real_store)
        await registry.register("web", record("a"))
        behind, ahead, fresh = (View(real_store, name) for name in ("behind", "ahead", "fresh"))
        await behind.resync()
        await registry.register("web", record("b"))
        await ahead.resync()
        known = ahead.readings["web"]
        await real_store.call("FLUSHALL")
        await registry.register("web", record("c"))
        await fresh.resync()
        for view in (behind, ahead, fresh):
            await view.resync()
        for view in (behind, ahead, fresh):
            await view.resync("web")
        epoch = await epoch_of(real_store)
        assert epoch > known.epoch
        for view in (behind, ahead, fresh):
            await view.resync("web")
            assert server_ids(view) == ["a", "b", "c"]
            assert view.readings["web"].created_ms == known.created_ms
            assert view.readings["web"].epoch == epoch
        assert await epoch_of(real_store) == epoch  # nobody seeds for ever

    async def test_of_nodes_that_seed_at_once_all_agree(self, real_store: Store) -> None:
        await self.filled(real_store)
        views = [View(real_store, f"n{number}") for number in range(5)]
        for view in views:
            await view.resync()
        await real_store.call("FLUSHALL")
        await asyncio.gather(*(view.resync("web") for view in views))
        await asyncio.gather(*(view.resync("web") for view in views))
        assert {view.readings["web"].epoch for view in views} == {7}

    async def test_an_older_copy_of_redis_gets_the_newer_marks(self, real_store: Store) -> None:
        """A failover may lose the last writes."""
        registry = Registry(real_store)
        await registry.register("web", record("a"))
        await registry.set_admin_state("web", "a", AdminState.DRAIN)
        view = View(real_store, "n1")
        await view.resync()
        await real_store.call("SET", "lb:{web}:epoch", 1)
        await real_store.call("HSET", "lb:{web}:server:a", "admin_state", "READY")
        await view.resync("web")
        assert view.readings["web"].epoch == 3
        assert (await hash_at(real_store, "lb:{web}:server:a"))["admin_state"] == "DRAIN"

    async def test_a_pool_that_lost_its_last_server_rightly_stays_empty(self, real_store: Store) -> None:
        registry = Registry(real_store)
        await registry.register("web", record("a"))
        view = View(real_store, "n1")
        await view.resync()
        await registry.deregister("web", "a")
        await view.resync("web")
        assert server_ids(view) == []
        assert await real_store.call("ZCARD", "lb:{web}:servers") == 0

    async def test_a_routing_table_of_a_newer_version_leaves_the_last_good_one(
        self, own_server: RedisServer
    ) -> None:
        async with viewing(own_server.url) as view, Store.from_url(own_server.url) as store:
            routes = (RouteSettings(host="a.example", pool="web"),)
            await PoolConfigs(store).apply({}, routes)
            await eventually(lambda: view.routes == routes)
            newer = '{"revision":2,"routes":[{"pool":"web","unheard_of":1}]}'
            await store.call("SET", "lb:routes", newer)
            with pytest.raises(StoreError, match="revision 1 stays"):
                await view.resync()
            assert view.routes == routes
            assert await store.call("GET", "lb:routes") == newer

    async def test_lost_names_and_routes_alone_come_back(self, real_store: Store) -> None:
        await self.filled(real_store)
        view = View(real_store, "n1")
        await view.resync()
        await real_store.call("DEL", "lb:pools", "lb:routes")
        await view.resync()
        assert await Registry(real_store).pool_names() == ["web"]
        assert (await PoolConfigs(real_store).routes()) == (1, view.routes)


class TestForeignContents:
    async def test_one_bad_key_does_not_stop_the_rest(self, real_store: Store) -> None:
        registry = Registry(real_store)
        await registry.register("web", record("a"))
        await real_store.call("DEL", "lb:pools")
        await real_store.call("SET", "lb:pools", "garbage")
        await real_store.call("SADD", "lb:routes", "garbage")
        view = View(real_store, "n1")
        view.refresh("web")
        task = asyncio.ensure_future(view.run())
        try:
            await eventually(lambda: server_ids(view) == ["a"])
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
