"""The store's connection: quick failures while Redis is away, and its return without help."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from cluster_lb.errors import StoreError, StoreUnavailableError
from cluster_lb.store.client import Store
from cluster_lb.store.scripts import load
from tests.doubles.redis_servers import RedisServer
from tests.doubles.waiting import eventually

BACK_S = 30.0  # on a machine that does other things meanwhile


@pytest.fixture
async def own_store(own_server: RedisServer) -> AsyncIterator[Store]:
    async with Store.from_url(own_server.url) as store:
        yield store


async def connections(store: Store) -> int:
    """Connections that the server sees, the asking one among them."""
    return len((await store.call("CLIENT", "LIST")).splitlines())


async def only_one_is_left(store: Store) -> bool:
    return await connections(store) == 1


async def test_an_answer_marks_the_store_up(real_store: Store) -> None:
    assert await real_store.call("PING") in (True, "PONG")
    assert real_store.up


async def test_a_refused_command_is_an_error_that_names_it_and_no_outage(store: Store) -> None:
    await store.call("SET", "text", "x")
    with pytest.raises(StoreError, match="Redis refused HGETALL text: WRONGTYPE") as caught:
        await store.call("HGETALL", "text")
    assert not isinstance(caught.value, StoreUnavailableError)
    assert store.up
    assert await store.call("GET", "text") == "x"


async def test_a_refused_script_is_named(store: Store) -> None:
    keys = store.keys.pool("web")
    with pytest.raises(StoreError, match="Redis refused take_tickets"):
        await store.run(load("take_tickets"), [keys.epoch, keys.tickets], [0, -1, "no number", 0])


async def test_nothing_connects_before_the_first_call() -> None:
    async with Store.from_url("redis://127.0.0.1:1/0") as store:
        assert not store.up
        assert store.counters.commands == 0


async def test_no_server_at_all_is_unavailable() -> None:
    async with Store.from_url("redis://127.0.0.1:1/0") as store:
        with pytest.raises(StoreUnavailableError, match="Redis is not available"):
            await store.call("PING")


async def test_a_frozen_redis_fails_calls_at_once_after_the_first_and_is_back_when_it_thaws(
    own_server: RedisServer, own_store: Store
) -> None:
    returns: list[bool] = []
    own_store.on_up.append(lambda: returns.append(own_store.up))
    await own_store.call("PING")
    own_server.freeze()
    results = await asyncio.gather(*(own_store.call("PING") for _ in range(100)), return_exceptions=True)
    assert all(isinstance(result, StoreUnavailableError) for result in results)
    assert not own_store.up
    commands = own_store.counters.commands
    for _ in range(100):
        with pytest.raises(StoreUnavailableError):
            await own_store.call("PING")
    assert own_store.counters.commands == commands  # none was sent
    own_server.thaw()
    await asyncio.wait_for(own_store.wait_up(), BACK_S)
    assert await eventually(lambda: _answers(own_store))
    assert returns == [True] * own_store.counters.reconnects


async def _answers(store: Store) -> bool:
    try:
        return bool(await store.call("PING"))
    except StoreUnavailableError:  # late again: the machine is busy
        return False


class DyingClient:
    """What redis-py makes of a connection that is closed under a command: `kinds`, one error a command."""

    def __init__(self, *kinds: type[Exception]) -> None:
        self._kinds = list(kinds)
        self.closed = asyncio.Event()

    async def execute_command(self, *command: object) -> object:
        if command == ("WAIT",):
            await self.closed.wait()
            raise RuntimeError("unable to perform operation; the handler is closed")
        if self._kinds:
            raise self._kinds.pop(0)
        return "PONG"

    async def aclose(self) -> None:
        self.closed.set()


async def test_a_call_whose_client_is_closed_under_it_fails_as_in_any_outage() -> None:
    clients = iter([DyingClient(ConnectionResetError), DyingClient()])
    async with Store(lambda: cast(Redis, next(clients))) as store:
        waiting = asyncio.ensure_future(store.call("WAIT"))
        await asyncio.wait({waiting}, timeout=0)  # it is under way
        with pytest.raises(StoreUnavailableError):
            await store.call("PING")
        with pytest.raises(StoreUnavailableError, match="the handler is closed"):
            await waiting
        await asyncio.wait_for(store.wait_up(), BACK_S)
        assert store.counters.errors == 2


@pytest.mark.parametrize("kind", [RuntimeError, AttributeError])
async def test_a_connection_that_closes_under_a_call_is_an_outage_too(kind: type[Exception]) -> None:
    clients = iter([DyingClient(kind), DyingClient(kind), DyingClient()])  # the second meets it at the ping
    async with Store(lambda: cast(Redis, next(clients))) as store:
        with pytest.raises(StoreUnavailableError):
            await store.call("PING")
        await asyncio.wait_for(store.wait_up(), BACK_S)
        assert await store.call("PING") == "PONG"


async def test_what_no_outage_explains_is_not_hidden() -> None:
    client = DyingClient(ZeroDivisionError)
    async with Store(lambda: cast(Redis, client)) as store:
        with pytest.raises(ZeroDivisionError):
            await store.call("PING")


async def test_an_outage_leaves_no_connection_behind(own_server: RedisServer, own_store: Store) -> None:
    for _ in range(2):
        own_server.freeze()
        await asyncio.gather(*(own_store.call("PING") for _ in range(30)), return_exceptions=True)
        own_server.thaw()
        await asyncio.wait_for(own_store.wait_up(), BACK_S)
    await eventually(lambda: only_one_is_left(own_store))


async def test_after_an_outage_no_older_connection_is_used(own_server: RedisServer, own_store: Store) -> None:
    await asyncio.gather(*(own_store.call("PING") for _ in range(10)))
    assert await connections(own_store) == 10
    own_server.freeze()
    with pytest.raises(StoreUnavailableError):
        await own_store.call("PING")
    own_server.thaw()
    await asyncio.wait_for(own_store.wait_up(), BACK_S)
    await eventually(lambda: only_one_is_left(own_store))


async def test_a_call_that_an_outage_overtook_leaves_no_connection_behind(own_server: RedisServer) -> None:
    async with Store.from_url(own_server.url, command_timeout_s=1.5) as store:
        own_server.freeze()
        first = asyncio.ensure_future(store.call("PING"))
        await asyncio.wait({first}, timeout=1.0)
        second = asyncio.ensure_future(store.call("PING"))
        await asyncio.wait({first})
        assert isinstance(first.exception(), StoreUnavailableError)
        own_server.thaw()
        await asyncio.wait({second})  # it has a second left for its answer
        assert second.exception() is None
        await asyncio.wait_for(store.wait_up(), BACK_S)
        await eventually(lambda: only_one_is_left(store))


async def test_a_killed_redis_is_back_when_it_is_restarted(own_server: RedisServer, own_store: Store) -> None:
    await own_store.call("SET", "x", 1)
    own_server.kill()
    with pytest.raises(StoreUnavailableError):
        await own_store.call("GET", "x")
    own_server.start()
    await asyncio.wait_for(own_store.wait_up(), BACK_S)
    assert await own_store.call("GET", "x") is None


async def test_a_connection_that_was_closed_while_idle_fails_no_call(
    own_server: RedisServer, own_store: Store
) -> None:
    await asyncio.gather(*(own_store.call("PING") for _ in range(10)))
    own_server.restart_empty()
    assert await own_store.call("GET", "x") is None
    assert own_store.counters.errors == 0


async def test_the_outage_and_its_end_are_logged_once(own_server: RedisServer, own_store: Store) -> None:
    with capture_logs() as logs:
        own_server.freeze()
        await asyncio.gather(*(own_store.call("PING") for _ in range(5)), return_exceptions=True)
        own_server.thaw()
        await asyncio.wait_for(own_store.wait_up(), BACK_S)
    assert [entry["event"] for entry in logs] == ["redis is not available", "redis answers"]


async def test_wait_up_waits_for_a_server_that_is_not_there_yet(own_server: RedisServer) -> None:
    own_server.kill()
    async with Store.from_url(own_server.url) as store:
        waiting = asyncio.ensure_future(store.wait_up())
        await asyncio.wait({waiting}, timeout=0.2)
        assert not waiting.done()
        own_server.start()
        await asyncio.wait_for(waiting, BACK_S)
        assert store.up


async def test_hundreds_of_calls_at_once_share_a_few_connections(real_store: Store) -> None:
    await asyncio.gather(*(real_store.call("PING") for _ in range(500)))
    assert await connections(real_store) <= 16


async def test_a_batch_answers_each_command_in_order(store: Store) -> None:
    assert await store.batch([]) == []
    assert await store.batch([("SET", "a", 1), ("GET", "a"), ("HSET", "h", "f", 2)]) == [True, "1", 1]


async def test_counts_commands_and_errors(store: Store) -> None:
    before = store.counters.commands, store.counters.errors
    await store.batch([("SET", "a", 1), ("GET", "a")])
    with pytest.raises(StoreError):
        await store.call("HGETALL", "a")
    assert (store.counters.commands - before[0], store.counters.errors - before[1]) == (3, 1)


async def test_bytes_that_are_no_text_do_not_break_an_answer(real_store: Store) -> None:
    client = real_store.new_client()
    await client.execute_command("SET", "raw", b"\xff\xfe")
    await client.aclose()
    assert await real_store.call("GET", "raw") == r"\xff\xfe"


async def test_a_demoted_primary_is_an_outage(own_server: RedisServer, own_store: Store) -> None:
    await own_store.call("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(StoreUnavailableError, match="read only"):
        await own_store.call("SET", "x", 1)


async def test_a_wrong_password_is_said(own_server: RedisServer, own_store: Store) -> None:
    await own_store.call("CONFIG", "SET", "requirepass", "secret")
    async with Store.from_url(own_server.url) as store:
        with pytest.raises(StoreUnavailableError, match="Authentication required"):
            await store.call("GET", "x")
    async with Store.from_url(f"redis://:secret@127.0.0.1:{own_server.port}/3") as store:
        assert await store.call("SET", "x", 1)
        assert "db3" in str(await store.call("INFO", "keyspace"))
