"""Heartbeats against a registry that does as it is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from cluster_lb.errors import InvalidValueError, StoreError, StoreUnavailableError
from cluster_lb.model.address import Address
from cluster_lb.model.server import ServerRecord
from cluster_lb.sdk.heartbeat import Heartbeat
from cluster_lb.sdk.options import Timing
from cluster_lb.store.registry import Registry
from tests.doubles.waiting import eventually

RECORD = ServerRecord("a", Address("127.0.0.1", 9001))
GONE = StoreUnavailableError("Redis is not available: gone")


class ScriptedRegistry:
    """Raises `problem` while there is one; `calls` are what succeeded. Answers only while `open` is set."""

    def __init__(self) -> None:
        self.problem: Exception | None = None
        self.calls: list[str] = []
        self.attempts = 0
        self.open = asyncio.Event()
        self.open.set()

    async def register(self, pool: str, record: ServerRecord, ttl_ms: int) -> int:
        self.attempts += 1
        await self.open.wait()
        if self.problem is not None:
            raise self.problem
        self.calls.append(f"register {pool} {record.id} {ttl_ms}")
        return 1

    async def deregister(self, pool: str, server_id: str) -> bool:
        self.calls.append(f"deregister {pool} {server_id}")
        return True


@pytest.fixture
def registry() -> ScriptedRegistry:
    return ScriptedRegistry()


def heartbeat(registry: ScriptedRegistry, every_s: float = 0.01) -> Heartbeat:
    return Heartbeat(cast(Registry, registry), "web", Timing(6.0, every_s, 0.0), lambda: RECORD)


@asynccontextmanager
async def beating(heart: Heartbeat) -> AsyncIterator[asyncio.Task[None]]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(heart.run())
        yield task
        task.cancel()


async def test_the_first_one_registers_with_the_lease_in_milliseconds(registry: ScriptedRegistry) -> None:
    heart = heartbeat(registry)
    await heart.first()
    assert registry.calls == ["register web a 6000"]
    assert heart.accepted


async def test_a_refusal_of_the_first_one_is_the_callers(registry: ScriptedRegistry) -> None:
    registry.problem = InvalidValueError("address '127.0.0.1:9001': pool 'web' allows 10.0.0.0/8 only")
    with pytest.raises(InvalidValueError, match=r"allows 10\.0\.0\.0/8 only"):
        await heartbeat(registry).first()


@pytest.mark.parametrize("problem", [GONE, StoreError("Redis refused register_server: OOM")])
async def test_trouble_with_redis_is_not_the_callers(registry: ScriptedRegistry, problem: StoreError) -> None:
    registry.problem = problem
    heart = heartbeat(registry)
    await heart.first()
    assert not heart.accepted


async def test_an_outage_is_logged_when_it_begins_and_when_it_ends(
    registry: ScriptedRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    heart = heartbeat(registry)
    await heart.first()
    async with beating(heart):
        registry.problem = GONE
        failed_at = registry.attempts
        await eventually(lambda: registry.attempts >= failed_at + 5)
        registry.problem = None
        await eventually(lambda: len(registry.calls) > 5)
    warnings = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert warnings == [
        "cannot register a in pool web, and go on trying: Redis is not available: gone",
        "registered a in pool web again",
    ]


async def test_another_problem_is_logged_as_such(
    registry: ScriptedRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    heart = heartbeat(registry)
    registry.problem = GONE
    await heart.first()
    async with beating(heart):
        registry.problem = InvalidValueError("not allowed")
        await eventually(lambda: "not allowed" in caplog.text)
        before = registry.attempts
        await eventually(lambda: registry.attempts >= before + 3)
    assert caplog.text.count("not allowed") == 1


async def test_a_hastened_one_does_not_wait_for_its_time(registry: ScriptedRegistry) -> None:
    heart = heartbeat(registry, every_s=3600.0)
    async with beating(heart):
        heart.hasten()
        await eventually(lambda: registry.calls == ["register web a 6000"])


async def test_leaving_waits_for_the_one_under_way_and_is_the_last_word(registry: ScriptedRegistry) -> None:
    heart = heartbeat(registry)
    registry.open.clear()
    async with beating(heart) as task:
        await eventually(lambda: registry.attempts == 1)
        leaving = asyncio.ensure_future(heart.leave("a"))
        await asyncio.sleep(0)
        registry.open.set()
        assert await leaving
        await eventually(task.done)
    assert registry.calls == ["register web a 6000", "deregister web a"]
    assert not heart.accepted


async def test_leaving_between_two_is_the_last_word_too(registry: ScriptedRegistry) -> None:
    heart = heartbeat(registry, every_s=3600.0)
    async with beating(heart) as task:
        await asyncio.sleep(0)
        assert await heart.leave("a")
        await eventually(task.done)
    assert registry.calls == ["deregister web a"]
