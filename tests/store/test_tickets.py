"""Shared tickets on a real counter: refilled in time, local while Redis is away."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from cluster_lb.store import tickets as tickets_module
from cluster_lb.store.client import Store
from cluster_lb.store.scripts import load
from cluster_lb.store.tickets import SharedTickets
from tests.doubles.redis_servers import RedisServer
from tests.doubles.waiting import eventually


@asynccontextmanager
async def refilled(tickets: SharedTickets) -> AsyncIterator[SharedTickets]:
    """`tickets` with its refill running."""
    task = asyncio.ensure_future(tickets.run())
    try:
        yield tickets
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def take(store: Store, *args: int) -> list[int]:
    """Run the script: epoch, continues_at, count, apart."""
    keys = store.keys.pool("web")
    reply: list[int] = await store.run(load("take_tickets"), [keys.epoch, keys.tickets], args)
    return reply


class TestTheScript:
    async def test_gives_blocks_one_after_the_other(self, store: Store) -> None:
        await store.call("SET", "lb:{web}:epoch", 7)
        assert await take(store, 7, -1, 5, 0) == [0, 5, 7]
        assert await take(store, 7, -1, 3, 0) == [5, 3, 7]
        assert await store.call("GET", "lb:{web}:tickets") == "8"

    async def test_gives_none_in_another_epoch_and_tells_which_it_is(self, store: Store) -> None:
        await store.call("SET", "lb:{web}:epoch", 7)
        assert await take(store, 6, -1, 5, 0) == [0, 0, 7]
        assert await store.call("EXISTS", "lb:{web}:tickets") == 0

    async def test_gives_any_number_to_who_continues_and_whole_periods_to_others(self, store: Store) -> None:
        assert await take(store, 0, -1, 4, 0) == [0, 4, 0]
        assert await take(store, 0, 4, 3, 70) == [4, 3, 0]
        assert await take(store, 0, 4, 3, 70) == [7, 70, 0]
        assert await take(store, 0, 4, 3, 0) == [0, 0, 0]
        assert await store.call("GET", "lb:{web}:tickets") == "77"

    async def test_a_counter_that_is_no_number_starts_again(self, store: Store) -> None:
        await store.call("SET", "lb:{web}:tickets", "garbage")
        assert await take(store, 0, -1, 2, 0) == [0, 2, 0]
        await store.call("DEL", "lb:{web}:tickets")
        await store.call("SADD", "lb:{web}:tickets", "garbage")
        assert await take(store, 0, -1, 2, 0) == [0, 2, 0]

    async def test_gives_no_ticket_twice_to_many_callers(self, real_store: Store) -> None:
        blocks = await asyncio.gather(*(take(real_store, 0, -1, size, 0) for size in range(1, 101)))
        given = [first + offset for first, count, _ in blocks for offset in range(count)]
        assert sorted(given) == list(range(5050))


class TestRefilling:
    async def test_under_load_a_lone_node_walks_the_schedule_exactly_with_few_calls(
        self, real_store: Store
    ) -> None:
        async with refilled(SharedTickets(real_store, "web")) as tickets:
            tickets.adopt(0, 4)
            await eventually(lambda: tickets.at_hand)
            taken = []
            for _ in range(200):
                taken += [tickets.take() for _ in range(10)]
                await asyncio.sleep(0.002)
            assert [ticket % 4 for ticket in taken] == [number % 4 for number in range(2000)]
            assert tickets.shared_used + tickets.local_used == 2000
            assert tickets.local_used < 200  # of the first bursts
            assert tickets.blocks < 40

    async def test_nodes_share_one_sequence(self, real_store: Store) -> None:
        turns: Counter[int] = Counter()
        async with (
            refilled(SharedTickets(real_store, "web")) as one,
            refilled(SharedTickets(real_store, "web")) as two,
        ):
            for tickets in (one, two):
                tickets.adopt(0, 5)
                await eventually(lambda tickets=tickets: tickets.at_hand)
            for _ in range(250):
                for tickets in (one, two, two, two):
                    turns[tickets.take() % 5] += 1
                await asyncio.sleep(0)
                await eventually(lambda: one.at_hand and two.at_hand)
        assert all(abs(count - 200) < 4 for count in turns.values())

    async def test_another_epoch_in_redis_is_reported_and_taken_up_once_adopted(
        self, real_store: Store
    ) -> None:
        await real_store.call("SET", "lb:{web}:epoch", 9)
        reported: list[int] = []
        async with refilled(SharedTickets(real_store, "web", on_epoch=reported.append)) as tickets:
            tickets.adopt(8, 4)
            await eventually(lambda: reported == [9])
            tickets.adopt(9, 4)
            await eventually(lambda: tickets.at_hand == 1)

    async def test_a_refusal_that_goes_on_is_logged_once(
        self, own_server: RedisServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tickets_module, "_PAUSE_S", 0.01)
        async with Store.from_url(own_server.url, command_timeout_s=5.0) as store:
            await store.call("CONFIG", "SET", "maxmemory", 1)
            with capture_logs() as lines:
                async with refilled(SharedTickets(store, "web")) as tickets:
                    tickets.adopt(0, 4)
                    await eventually(lambda: store.counters.errors > 3)
        assert [line["event"] for line in lines] == ["no tickets"]

    async def test_a_refusal_of_redis_is_tried_again(self, own_server: RedisServer) -> None:
        async with Store.from_url(own_server.url) as store, refilled(SharedTickets(store, "web")) as tickets:
            await store.call("CONFIG", "SET", "maxmemory", 1)
            tickets.adopt(0, 4)
            await eventually(lambda: store.counters.errors > 0)
            await store.call("CONFIG", "SET", "maxmemory", 0)
            await eventually(lambda: tickets.at_hand == 1, within_s=3 * tickets_module._PAUSE_S)


async def test_an_outage_is_bridged_by_local_tickets_and_shared_ones_return_by_themselves(
    own_server: RedisServer,
) -> None:
    async with (
        Store.from_url(own_server.url) as store,
        refilled(SharedTickets(store, "web", start=0)) as tickets,
    ):
        tickets.adopt(0, 3)
        await eventually(lambda: tickets.at_hand == 1)
        own_server.freeze()
        taken = [tickets.take() for _ in range(100)]
        assert [ticket % 3 for ticket in taken] == [number % 3 for number in range(100)]
        await eventually(lambda: not store.up)
        assert tickets.local_used == 99
        own_server.thaw()
        await eventually(lambda: tickets.at_hand, within_s=3)
        used = tickets.local_used
        tickets.take()
        assert tickets.local_used == used


async def test_with_no_redis_at_all_nodes_begin_at_different_servers(own_server: RedisServer) -> None:
    async with Store.from_url("redis://127.0.0.1:1/0") as store:
        assert len({SharedTickets(store, "web").take() for _ in range(20)}) > 10
