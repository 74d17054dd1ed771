"""Servers under watch: how many are asked at once, and when a watch would ask the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

import pytest

from cluster_lb.clock import SystemClock
from cluster_lb.dial import Dial
from cluster_lb.health.rhythm import Rhythm
from cluster_lb.health.watch import Watch
from cluster_lb.model.address import Address
from cluster_lb.model.server import Server
from tests.doubles.waiting import eventually

HERE, THERE = Address("127.0.0.1", 9001), Address("127.0.0.1", 9002)


@dataclass(eq=False)
class Asking(Watch[str]):
    """Counts in `seen` how many of all are under way, after each change."""

    seen: list[int] = field(default_factory=lambda: [0])

    @property
    def interval_s(self) -> float:
        return 0.05

    async def ask(self) -> None:
        self.seen.append(self.seen[-1] + 1)
        await asyncio.sleep(0)
        self.seen.append(self.seen[-1] - 1)


def watching(address: Address = HERE, settings: str = "", dial: Dial | None = None) -> Asking:
    rhythm = Rhythm(0.0, SystemClock(), Random(1))
    return Asking("web", Server("a", address), settings, rhythm, dial)


@asynccontextmanager
async def crowd(size: int, slots: int) -> AsyncIterator[list[int]]:
    """`size` watches that ask at once; yields the number under way after each change."""
    seen, semaphore = [0], asyncio.Semaphore(slots)
    watches = [watching() for _ in range(size)]
    for watch in watches:
        watch.seen = seen
        watch.task = asyncio.ensure_future(watch.run(semaphore))
    yield seen
    for watch in watches:
        watch.stop()
    await asyncio.wait([watch.task for watch in watches])


async def test_no_more_are_asked_at_once_than_there_are_slots() -> None:
    async with crowd(50, slots=4) as seen:
        await eventually(lambda: len(seen) >= 300)
    assert max(seen) == 4


@pytest.mark.parametrize(
    ("address", "settings", "same_dial", "alike"),
    [
        (HERE, "every 2 s", True, True),
        (THERE, "every 2 s", True, False),
        (HERE, "every 1 s", True, False),
        (HERE, "every 2 s", False, False),
    ],
)
async def test_a_watch_goes_on_where_it_would_ask_the_same(address, settings, same_dial, alike) -> None:
    first, other = object(), object()  # a dial is as it is for its whole life
    watch = watching(HERE, "every 2 s", first)
    watch.task = asyncio.ensure_future(watch.run(asyncio.Semaphore(1)))
    server = Server("a", address, weight=7)  # what is known of a server beside its address changes nothing
    assert watch.goes_on(server, settings, first if same_dial else other, 0.5) is alike
    assert watch.task.cancelling() == (not alike)
    assert watch.rhythm.phase == (0.5 if alike else 0.0)
    watch.stop()
    await asyncio.wait([watch.task])
