"""Hints: heard as they come, and again after every kind of lost connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest
from redis.asyncio.client import PubSub

from cluster_lb.settings.schema import PoolSettings
from cluster_lb.store import bus as bus_module
from cluster_lb.store.bus import Bus, Hint, Subscribed, read_hint
from cluster_lb.store.client import Store
from cluster_lb.store.pools import PoolConfigs
from tests.doubles.redis_servers import RedisServer
from tests.doubles.waiting import eventually

HINT = '{"pool":"web","epoch":3,"what":"mark","server":"a"}'


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[list[Hint | Subscribed]]:
    """What a bus hears, growing."""
    heard: list[Hint | Subscribed] = []

    async def listen(bus: Bus) -> None:
        async with aclosing(bus.events()) as events:
            while True:
                heard.append(await anext(events))

    async with Store.from_url(url) as store:
        task = asyncio.ensure_future(listen(Bus(store)))
        try:
            yield heard
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_hears_hints_after_it_said_that_it_listens(
    shared_server: RedisServer, real_store: Store
) -> None:
    async with listening(shared_server.url) as heard:
        await eventually(lambda: heard == [Subscribed()])
        await real_store.call("PUBLISH", "lb:events", "garbage")
        await real_store.call("PUBLISH", "lb:events", HINT)
        await real_store.call("PUBLISH", "lb:events", HINT.replace("}", ',"takes":"persists"}'))
        hints = [Hint("web", 3, "mark", "a"), Hint("web", 3, "mark", "a", "persists")]
        await eventually(lambda: heard == [Subscribed(), *hints])


async def test_a_cluster_in_another_database_is_not_heard(
    shared_server: RedisServer, real_store: Store
) -> None:
    neighbour = shared_server.url.removesuffix("/0") + "/3"
    async with listening(neighbour) as heard, Store.from_url(neighbour) as store:
        await eventually(lambda: heard == [Subscribed()])
        for pool, where in {"theirs": real_store, "ours": store}.items():
            await PoolConfigs(where).seed({pool: PoolSettings()}, [])
        await eventually(lambda: len(heard) > 1)
        assert {hint.pool for hint in heard if isinstance(hint, Hint)} == {"ours"}


async def test_a_killed_connection_is_made_again(shared_server: RedisServer, real_store: Store) -> None:
    async with listening(shared_server.url) as heard:
        await eventually(lambda: len(heard) == 1)
        await real_store.call("CLIENT", "KILL", "TYPE", "pubsub")
        await eventually(lambda: heard == [Subscribed()] * 2)


@pytest.mark.parametrize("kind", [RuntimeError, AttributeError, ConnectionResetError])
async def test_a_connection_that_closes_while_it_is_made_is_made_again(
    shared_server: RedisServer, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    failures, subscribe = [kind()], PubSub.subscribe

    async def fail_once(pubsub: PubSub, *channels: str) -> None:
        if failures:
            raise failures.pop()
        await subscribe(pubsub, *channels)

    monkeypatch.setattr(PubSub, "subscribe", fail_once)
    async with listening(shared_server.url) as heard:
        await eventually(lambda: heard == [Subscribed()])
    assert not failures


async def test_a_restarted_redis_is_heard_again(own_server: RedisServer) -> None:
    async with listening(own_server.url) as heard:
        await eventually(lambda: len(heard) == 1)
        own_server.restart_empty()
        await eventually(lambda: heard == [Subscribed()] * 2)


async def test_a_silent_connection_to_a_frozen_redis_is_given_up(
    own_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_module, "_PING_EVERY_S", 0.1)
    monkeypatch.setattr(bus_module, "_LOST_AFTER_S", 0.3)
    async with listening(own_server.url) as heard:
        await eventually(lambda: len(heard) == 1)
        own_server.freeze()
        await asyncio.sleep(0.6)  # it gives up meanwhile: nothing else could make it subscribe again
        own_server.thaw()
        await eventually(lambda: heard == [Subscribed()] * 2)


async def test_a_quiet_channel_keeps_its_connection(
    own_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_module, "_PING_EVERY_S", 0.05)
    monkeypatch.setattr(bus_module, "_LOST_AFTER_S", 1.0)  # more than a busy machine holds a test up
    async with Store.from_url(own_server.url) as store, listening(own_server.url) as heard:
        await eventually(lambda: len(heard) == 1)

        async def pinged_often() -> bool:
            return (await store.call("INFO", "COMMANDSTATS")).get("cmdstat_ping", {}).get("calls", 0) >= 25

        await eventually(pinged_often)
        assert heard == [Subscribed()]
        await store.call("PUBLISH", "lb:events", HINT)
        await eventually(lambda: len(heard) == 2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage",
        "[]",
        "{}",
        '{"pool":"web"}',
        *(f'{{"pool":"web","epoch":{n}}}' for n in ('"x"', "1e999")),
    ],
)
def test_foreign_messages_are_no_hints(text: str) -> None:
    assert read_hint(text) is None
