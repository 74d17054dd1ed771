"""A backend's registration against a real server, which freezes, dies and comes back empty."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import pytest

from cluster_lb.errors import InvalidValueError, StoreUnavailableError
from cluster_lb.model.availability import ServerState
from cluster_lb.sdk import Registration
from cluster_lb.sdk import registration as module
from cluster_lb.store.registry import Registry
from tests.doubles.redis_servers import RedisServer
from tests.doubles.waiting import eventually
from tests.sdk.conftest import Pool

ADDRESS = "127.0.0.1:9001"


async def test_the_pool_holds_what_the_server_says_of_itself(pool: Pool) -> None:
    registration = Registration(
        "web", ADDRESS, id="a", weight=5, zone="north", priority=2, drain_s=0, **pool.redis
    )
    registration.in_flight = 3
    async with registration:
        server = (await pool.servers())["a"]
        assert registration.registered
    assert (str(server.address), server.weight, server.zone) == (ADDRESS, 5, "north")
    assert server.priority == 2
    assert {"cpu", "memory", "load_average", "in_flight"} <= set(server.report)
    assert server.report["in_flight"] == 3.0
    assert 0 < server.lease_ms <= 6000


async def test_a_restarted_server_says_that_it_is_another_instance(pool: Pool) -> None:
    seen = []
    for _ in range(2):
        async with Registration("web", ADDRESS, id="a", drain_s=0, **pool.redis) as registration:
            for weight in 1, 2:
                registration.update(weight=weight)
                await eventually(lambda weight=weight: has_weight(pool, weight))
                seen.append(
                    await pool.store.call("HGET", pool.store.keys.pool("web").server("a"), "instance")
                )
    assert seen[0] == seen[1] != seen[2] == seen[3]


async def has_weight(pool: Pool, weight: int) -> bool:
    return (await pool.servers())["a"].weight == weight


async def test_a_heartbeat_repairs_what_redis_forgot(pool: Pool) -> None:
    async with Registration("web", ADDRESS, heartbeat_s=0.02, drain_s=0, **pool.redis):
        keys = pool.store.keys.pool("web")
        await pool.store.call("DEL", keys.servers, keys.server(ADDRESS), keys.config, keys.epoch)
        await eventually(pool.servers)


async def test_a_drain_leaves_first_and_lets_the_program_serve_on(pool: Pool) -> None:
    registration = Registration("web", ADDRESS, drain_s=3600, **pool.redis)
    await registration.start()
    draining = asyncio.ensure_future(registration.drain())
    await eventually(lambda: gone(pool))
    assert not draining.done()
    draining.cancel()


async def test_an_exit_leaves_and_ends_all_that_ran(pool: Pool) -> None:
    before = asyncio.all_tasks()
    async with Registration("web", ADDRESS, drain_s=0, **pool.redis) as registration:
        assert asyncio.all_tasks() != before
    assert await gone(pool)
    assert asyncio.all_tasks() == before
    assert not registration.registered


class SlowWrites:
    """Between the SDK and Redis: writes, or the answers to them, are held while `open` is not set. `begun`:
    how many there were."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, answers: bool = False) -> None:
        self.begun = 0
        self.open = asyncio.Event()
        self.open.set()
        slow = self

        class SlowRegistry(Registry):
            async def register(self, *arguments: Any, **options: Any) -> int:
                if not answers:
                    slow.begun += 1
                    await slow.open.wait()
                epoch = await super().register(*arguments, **options)
                if answers:
                    slow.begun += 1
                    await slow.open.wait()
                return epoch

        monkeypatch.setattr(module, "Registry", SlowRegistry)

    async def hold_up_a_heartbeat_of(self, registration: Registration) -> None:
        """It has started, and a heartbeat is under way that waits for `open`."""
        await registration.start()
        self.open.clear()
        registration.update(weight=2)
        await eventually(lambda: self.begun == 2)


async def test_leaving_while_a_heartbeat_is_under_way_is_the_last_word(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = SlowWrites(monkeypatch)
    registration = Registration("web", ADDRESS, ttl_s=3600, **pool.redis)
    await writes.hold_up_a_heartbeat_of(registration)
    leaving = asyncio.ensure_future(registration.leave())
    await asyncio.sleep(0)
    writes.open.set()
    assert await leaving
    assert await gone(pool)


async def test_leaving_while_the_start_is_under_way_is_the_last_word(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = SlowWrites(monkeypatch)
    registration = Registration("web", ADDRESS, ttl_s=3600, **pool.redis)
    writes.open.clear()
    starting = asyncio.ensure_future(registration.start())
    await eventually(lambda: writes.begun == 1)
    leaving = asyncio.ensure_future(registration.leave())
    await asyncio.sleep(0)
    writes.open.set()
    await starting
    assert await leaving
    assert await gone(pool)
    assert not registration.registered


async def cancelled(task: asyncio.Future[Any]) -> bool:
    """Cancel it, and wait until it has ended: whether it was of that."""
    task.cancel()
    await asyncio.wait([task])
    return task.cancelled()


async def test_a_leave_whose_wait_is_cancelled_is_still_the_last_word(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = asyncio.all_tasks()
    writes = SlowWrites(monkeypatch)
    registration = Registration("web", ADDRESS, ttl_s=3600, **pool.redis)
    await writes.hold_up_a_heartbeat_of(registration)
    leaving = asyncio.ensure_future(registration.drain())
    await asyncio.sleep(0)
    assert await cancelled(leaving)  # while a heartbeat is in its way
    writes.open.set()
    await eventually(lambda: asyncio.all_tasks() == before)
    assert await gone(pool)


async def test_a_start_after_a_leave_whose_wait_was_cancelled_registers(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = SlowWrites(monkeypatch)
    registration = Registration("web", ADDRESS, ttl_s=3600, drain_s=0, **pool.redis)
    await writes.hold_up_a_heartbeat_of(registration)
    leaving = asyncio.ensure_future(registration.leave())
    await asyncio.sleep(0)
    assert await cancelled(leaving)
    starting = asyncio.ensure_future(registration.start())
    writes.open.set()
    await starting
    assert not await gone(pool)
    assert registration.registered
    assert await registration.leave()


async def test_a_start_that_is_cancelled_takes_back_what_it_sent(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = asyncio.all_tasks()
    writes = SlowWrites(monkeypatch, answers=True)
    writes.open.clear()
    registration = Registration("web", ADDRESS, ttl_s=3600, **pool.redis)
    starting = asyncio.ensure_future(registration.start())
    await eventually(lambda: writes.begun == 1)
    assert not await gone(pool)
    assert await cancelled(starting)
    assert await gone(pool)
    assert asyncio.all_tasks() == before
    assert not await registration.leave()


async def test_it_can_start_again_after_it_left(pool: Pool) -> None:
    registration = Registration("web", ADDRESS, **pool.redis)
    for _ in range(2):
        await registration.start()
        assert await pool.servers()
        assert await registration.leave()
        assert await gone(pool)
    assert not await registration.leave()


async def test_an_update_is_sent_at_once(pool: Pool) -> None:
    async with Registration("web", ADDRESS, ttl_s=3600, drain_s=0, **pool.redis) as registration:
        registration.update(weight=9)
        registration.update(zone="south")
        registration.update(priority=1)
        await eventually(lambda: holds(pool, weight=9, zone="south", priority=1))
        with pytest.raises(InvalidValueError, match="weight 300"):
            registration.update(weight=300)


async def test_what_the_server_says_of_itself_is_sent_at_once_and_stays(pool: Pool) -> None:
    registration = Registration("web", ADDRESS, ttl_s=3600, drain_s=0, **pool.redis)
    registration.report_state("busy")
    async with registration:
        assert (await pool.servers())[ADDRESS].state is ServerState.BUSY
        registration.report_state("down", "disk full")
        registration.update(weight=7)
        await eventually(lambda: holds(pool, weight=7, state=ServerState.DOWN, state_reason="disk full"))
        registration.report_state("up")
        await eventually(lambda: holds(pool, state=ServerState.UP, state_reason=""))


@pytest.mark.parametrize(
    ("state", "reason"), [("UP", ""), ("", ""), ("down", "two\nlines"), ("down", "x" * 257)]
)
def test_another_word_or_a_long_reason_is_refused(state: str, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=r"state|reason"):
        Registration("web", ADDRESS).report_state(state, reason)


async def test_a_custom_report_goes_beside_the_requests_in_flight(pool: Pool) -> None:
    async with Registration("web", ADDRESS, report=lambda: {"queue": 4}, drain_s=0, **pool.redis):
        assert (await pool.servers())[ADDRESS].report == {"queue": 4.0, "in_flight": 0.0}


async def test_no_report_is_sent_where_none_is_wanted(pool: Pool) -> None:
    async with Registration("web", ADDRESS, report=None, drain_s=0, **pool.redis):
        assert (await pool.servers())[ADDRESS].report == {}


async def test_a_failing_report_costs_its_figures_and_one_line_in_the_log(
    pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    calls = 0

    def report() -> Mapping[str, float]:
        nonlocal calls
        calls += 1
        return {"queue": float("nan")}

    async with Registration("web", ADDRESS, report=report, heartbeat_s=0.02, drain_s=0, **pool.redis):
        await eventually(lambda: calls > 3)
        assert (await pool.servers())[ADDRESS].report == {"in_flight": 0.0}
    assert caplog.text.count("the report of 127.0.0.1:9001 failed") == 1


async def test_an_address_that_the_pool_refuses_is_an_error_at_once(pool: Pool) -> None:
    await pool.allow("10.0.0.0/8")
    before = asyncio.all_tasks()
    with pytest.raises(InvalidValueError, match=r"pool 'web' allows 10\.0\.0\.0/8 only"):
        await Registration("web", ADDRESS, **pool.redis).start()
    assert asyncio.all_tasks() == before
    assert await gone(pool)


async def test_an_address_refused_later_is_logged_and_taken_as_soon_as_it_is_allowed(
    pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    async with Registration("web", ADDRESS, heartbeat_s=0.02, drain_s=0, **pool.redis) as registration:
        await pool.allow("10.0.0.0/8")
        await eventually(lambda: not registration.registered)
        assert "pool 'web' allows 10.0.0.0/8 only" in caplog.text
        await pool.allow("127.0.0.0/8")
        await eventually(lambda: registration.registered)


async def test_a_backend_starts_while_redis_is_frozen_and_is_registered_when_it_thaws(
    own_server: RedisServer, own_pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    own_server.freeze()
    async with Registration("web", ADDRESS, ttl_s=3600, drain_s=0, **own_pool.redis) as registration:
        assert not registration.registered
        own_server.thaw()
        await eventually(lambda: registration.registered)
        assert await own_pool.servers()
    assert warnings(caplog) == [
        "cannot register 127.0.0.1:9001",
        "registered 127.0.0.1:9001 in pool web again",
    ]


async def test_a_backend_starts_while_no_redis_listens(own_server: RedisServer) -> None:
    own_server.kill()
    async with Registration("web", ADDRESS, redis=own_server.url, ttl_s=3600, drain_s=0) as registration:
        assert not registration.registered
        own_server.start()
        await eventually(lambda: registration.registered)


async def test_it_registers_again_when_redis_comes_back_empty(
    own_server: RedisServer, own_pool: Pool
) -> None:
    async with Registration("web", ADDRESS, heartbeat_s=0.1, drain_s=0, **own_pool.redis) as registration:
        own_server.kill()
        await eventually(lambda: not registration.registered)
        own_server.start()
        await eventually(lambda: registration.registered)
        await own_pool.store.wait_up()
        assert await own_pool.servers()


async def test_leaving_while_redis_is_frozen_does_not_hold_the_backend(
    own_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    registration = Registration("web", ADDRESS, redis=own_server.url, drain_s=3600)
    await registration.start()
    own_server.freeze()
    await registration.drain()
    own_server.thaw()
    assert "left pool web unheard, its lease ends by itself" in caplog.text


async def test_a_frozen_embedded_server_is_waited_for(
    own_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def frozen() -> str:
        raise StoreUnavailableError("what listens on 127.0.0.1:6399 does not answer")

    monkeypatch.setattr(module.embedded, "ensure", frozen)
    monkeypatch.setattr(module.embedded, "url", lambda: own_server.url)
    async with Registration("web", ADDRESS, redis="embedded", drain_s=0) as registration:
        await eventually(lambda: registration.registered)


async def test_a_redis_url_that_means_nothing_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="Redis URL 'http://here'"):
        await Registration("web", ADDRESS, redis="http://here").start()


async def gone(pool: Pool) -> bool:
    return not await pool.servers()


async def holds(pool: Pool, **fields: object) -> bool:
    server = (await pool.servers())[ADDRESS]
    return all(getattr(server, name) == value for name, value in fields.items())


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    records = [r for r in caplog.records if r.name == "cluster_lb.sdk" and r.levelno >= logging.WARNING]
    return [record.getMessage().partition(" in pool web, and")[0] for record in records]
