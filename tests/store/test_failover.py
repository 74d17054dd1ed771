"""Sentinel and Cluster: the same store, on a primary that moves and on slots of three servers."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from redis.asyncio.cluster import RedisCluster

from cluster_lb.errors import StoreError, StoreUnavailableError
from cluster_lb.model.availability import AdminState, Health
from cluster_lb.model.member import Member
from cluster_lb.model.verdict import Vote
from cluster_lb.settings.routes import RouteSettings
from cluster_lb.settings.schema import PoolSettings
from cluster_lb.store.client import Store
from cluster_lb.store.loads import Loads
from cluster_lb.store.membership import Membership
from cluster_lb.store.pools import PoolConfigs
from cluster_lb.store.registry import Registry
from cluster_lb.store.tickets import SharedTickets
from cluster_lb.store.url import client_factory, close_client
from cluster_lb.store.verdicts import Verdicts
from cluster_lb.store.view import View
from tests.doubles.keyspace import record
from tests.doubles.redis_servers import (
    RedisServer,
    SentinelTrio,
    ask,
    redis_cluster,
    replication,
    sentinel_trio,
)
from tests.doubles.waiting import eventually


@asynccontextmanager
async def living(store: Store, node_id: str) -> AsyncIterator[View]:
    """A view that runs, with the writes that a node does each second."""
    view = View(store, node_id)
    membership, registry, loads = Membership(store), Registry(store), Loads(store)

    async def beat() -> None:
        while True:
            try:
                await membership.renew(Member(node_id, "1.0"))
                await loads.publish("web", node_id, 5000, 1, {})
                await registry.sweep("web")
            except StoreError:
                await store.wait_up()
            await asyncio.sleep(0.2)

    tasks = [asyncio.ensure_future(view.run()), asyncio.ensure_future(beat())]
    try:
        yield view
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def server_ids(view: View) -> list[str]:
    reading = view.readings.get("web")
    return [server.id for server in reading.snapshot.servers] if reading else []


class TestSentinel:
    @pytest.fixture
    def trio(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentinelTrio]:
        with sentinel_trio(tmp_path_factory.mktemp("sentinel")) as trio:
            yield trio

    @pytest.mark.parametrize("end", ["kill", "freeze"])
    async def test_a_change_is_seen_within_5_s_after_the_new_primary_serves(
        self, trio: SentinelTrio, end: str
    ) -> None:
        async with Store.from_url(trio.url) as store, Store.from_url(trio.url) as other:
            registry = Registry(other)
            await registry.register("web", record("a"), 60_000)
            async with living(store, "n1") as view:
                await eventually(lambda: server_ids(view) == ["a"])
                await eventually(lambda: "connected_slaves:1" in replication(trio.primary.port))
                getattr(trio.primary, end)()
                await eventually(lambda: "role:master" in replication(trio.replica.port), within_s=20)
                served_at = time.monotonic()

                async def registered() -> bool:
                    try:
                        await registry.register("web", record("b"), 60_000)
                    except StoreError:
                        await other.wait_up()
                        return False
                    return True

                await eventually(registered)
                await eventually(lambda: server_ids(view) == ["a", "b"])
                assert time.monotonic() - served_at < 5
                assert ask(trio.replica.port, "ZCARD", "lb:{web}:servers") == "2"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Cluster of three primaries."""
    with redis_cluster(tmp_path_factory.mktemp("cluster")) as nodes:
        yield _cluster_url(nodes)


class TestCluster:
    async def test_every_script_runs_with_pools_in_every_slot(self, url: str) -> None:
        pools = [f"pool{number}" for number in range(8)]  # eight slots, on all three servers
        async with Store.from_url(url, command_timeout_s=5) as store:
            registry = Registry(store)
            for pool in pools:
                await registry.register(pool, record("a"))
                await registry.register(pool, record("b"))
                await registry.set_weight(pool, "a", 5)
                await registry.set_admin_state(pool, "a", AdminState.DRAIN)
                assert await Verdicts(store).cast(pool, "n1", {"b": Vote(Health.UP, "ok")}) == ["b"]
                assert list((await Verdicts(store).votes(pool))["b"]) == ["n1"]
                assert await Loads(store).publish(pool, "n1", 5000, 4, {"b": 2}) == (5, {}, {})
                await registry.deregister(pool, "a")
                assert not (await registry.sweep(pool)).held
                reading = await registry.read_pool(pool)
                assert reading is not None
                assert reading.in_flight("b") == 2
            await PoolConfigs(store).apply(
                {pools[0]: PoolSettings(attempts=2)}, [RouteSettings(pool=pools[0])]
            )
            await Membership(store).renew(Member("n1", "1.0", admin="x:1"))
            (member,) = await Membership(store).members()
            assert member.admin == "x:1"
            assert await registry.pool_names() == pools

    async def test_hints_and_tickets_cross_the_cluster(self, url: str) -> None:
        async with (
            Store.from_url(url, command_timeout_s=5) as store,
            Store.from_url(url, command_timeout_s=5) as other,
        ):
            async with living(store, "n1") as view:
                registry = Registry(other)
                await registry.register("web", record("a"))
                await eventually(lambda: server_ids(view) == ["a"])
            tickets = SharedTickets(store, "web")
            tickets.adopt(view.readings["web"].epoch, 1)
            task = asyncio.ensure_future(tickets.run())
            await eventually(lambda: tickets.at_hand == 1)
            assert tickets.take() == 0
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def test_an_emptied_cluster_is_given_back(self, url: str) -> None:
        async with Store.from_url(url, command_timeout_s=5) as store:
            registry = Registry(store)
            await registry.register("web", record("a"))
            view = View(store, "n1")
            await view.resync()
            for name in await registry.pool_names():
                keys = store.keys.pool(name)
                await store.batch([("DEL", keys.config), ("DEL", keys.epoch), ("DEL", keys.servers)])
            await store.call("DEL", store.keys.pools)
            await view.resync()
            await view.resync("web")
            assert server_ids(view) == ["a"]
            assert "web" in await registry.pool_names()

    async def test_a_client_of_which_a_call_failed_leaves_no_connection_behind(self, url: str) -> None:
        before = own_connections(url)
        client = client_factory(url, 5.0)()
        assert isinstance(client, RedisCluster)
        await client.execute_command("PING", target_nodes=RedisCluster.ALL_NODES)
        client._initialize = True  # what redis-py remembers of a failed call
        assert own_connections(url) > before
        await close_client(client, 5.0)
        await eventually(lambda: own_connections(url) == before)


async def test_a_cluster_that_was_down_is_an_outage_for_every_caller_and_then_it_answers(
    tmp_path: Path,
) -> None:
    with redis_cluster(tmp_path) as nodes:
        answers = Counter[int]()

        async def ask_on(store: Store, number: int) -> None:
            while True:
                try:
                    await store.call("GET", f"x{number}")
                    answers[number] += 1
                except StoreUnavailableError:
                    await asyncio.sleep(0.02)

        async with Store.from_url(_cluster_url(nodes)) as store:
            callers = [asyncio.ensure_future(ask_on(store, number)) for number in range(8)]
            await eventually(lambda: len(answers) == len(callers))
            nodes[0].freeze()
            await asyncio.wait(callers, timeout=3.0, return_when=asyncio.FIRST_EXCEPTION)
            nodes[0].thaw()
            answers.clear()
            await eventually(lambda: len(answers) == len(callers), 20.0)
            assert not any(caller.done() for caller in callers)
            for caller in callers:
                caller.cancel()
            await asyncio.gather(*callers, return_exceptions=True)


def _cluster_url(nodes: Sequence[RedisServer]) -> str:
    return f"redis+cluster://{','.join(f'127.0.0.1:{node.port}' for node in nodes)}"


def own_connections(url: str) -> int:
    """Of this process, to the servers in `url`."""
    ports = {int(port) for port in re.findall(r":(\d+)", url)}
    found = psutil.Process().net_connections("tcp")
    return sum(
        1 for each in found if each.raddr and each.raddr.port in ports and each.status == "ESTABLISHED"
    )
