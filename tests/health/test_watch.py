"""One server under watch: when it is probed, what is counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from cluster_lb.clock import SystemClock
from cluster_lb.health.observation import Observation, Word
from cluster_lb.health.tally import Tally
from cluster_lb.health.watch import Surroundings, Watch
from cluster_lb.model.address import Address
from cluster_lb.model.server import Server
from cluster_lb.settings.schema import HealthSettings
from tests.doubles.waiting import eventually

GOOD, BAD, BLIND = Observation(Word.L4OK), Observation(Word.L4TOUT), Observation(Word.SOCKERR)
SERVER = Server("a", Address("127.0.0.1", 9001))


class Stage:
    """A watch with a scripted probe, whose sleeps are written down and take no time."""

    def __init__(self, script, monkeypatch, phase=0.0, took_s=0.0, slow_ones=1000) -> None:
        self.script = list(script)
        self.heard: list[tuple[Observation, bool]] = []
        self.sleeps: list[float] = []
        self.now = 100.0
        self.took_s = took_s  # that is how long the first `slow_ones` probes take
        self.slow_ones = slow_ones
        self.done = asyncio.Event()
        self._yield = asyncio.sleep
        monkeypatch.setattr(asyncio, "sleep", self._sleep)
        settings = HealthSettings(interval_s=2.0)
        self.watch = Watch("web", SERVER, settings, phase, Tally(2, 3), self._hear)

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now

    async def run(self) -> None:
        around = Surroundings(self._probe, asyncio.Semaphore(1), self, Random(1))
        self.watch.task = asyncio.ensure_future(self.watch.run(around))
        await asyncio.wait_for(self.done.wait(), 10)
        self.watch.stop()
        await asyncio.wait([self.watch.task])

    async def _sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds
        await self._yield(0)

    async def _probe(self, server: Server, settings: HealthSettings, dial: object) -> Observation:
        if not self.script:
            await asyncio.Event().wait()  # the story is told: until the watch is stopped
        if len(self.heard) < self.slow_ones:
            self.now += self.took_s
        outcome = self.script.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _hear(self, watch: Watch, observation: Observation, flipped: bool) -> None:
        self.heard.append((observation, flipped))
        if not self.script:
            self.done.set()


async def test_the_first_probe_waits_for_its_phase(monkeypatch) -> None:
    stage = Stage([GOOD], monkeypatch, phase=0.25)
    await stage.run()
    assert stage.sleeps[0] == 0.5


async def test_intervals_vary_by_a_tenth(monkeypatch) -> None:
    stage = Stage([GOOD] * 200, monkeypatch)
    await stage.run()
    intervals = stage.sleeps[1:200]
    assert all(1.8 <= interval <= 2.2 for interval in intervals)
    assert min(intervals) < 1.85
    assert max(intervals) > 2.15


async def test_the_time_that_a_probe_takes_is_part_of_the_interval(monkeypatch) -> None:
    stage = Stage([GOOD] * 50, monkeypatch, took_s=1.0)
    await stage.run()
    assert all(0.8 <= pause <= 1.2 + 1e-9 for pause in stage.sleeps[1:50])


async def test_a_probe_longer_than_the_interval_leaves_no_debt(monkeypatch) -> None:
    stage = Stage([GOOD] * 23, monkeypatch, took_s=5.0, slow_ones=20)
    await stage.run()
    assert stage.sleeps[1:21] == [0.0] * 20
    assert all(pause >= 1.8 for pause in stage.sleeps[21:23])


async def test_each_observation_is_told_and_flips_are_marked(monkeypatch) -> None:
    stage = Stage([GOOD, BAD, BAD, BAD, GOOD, GOOD], monkeypatch)
    await stage.run()
    assert [flipped for _, flipped in stage.heard] == [False, False, False, True, False, True]


async def test_what_says_nothing_of_the_server_is_not_counted(monkeypatch) -> None:
    stage = Stage([GOOD, *[BLIND] * 10, BAD, BAD], monkeypatch)
    await stage.run()
    assert stage.watch.tally.up
    assert not any(flipped for _, flipped in stage.heard)


async def test_a_defect_of_the_probe_does_not_end_the_watch(monkeypatch) -> None:
    stage = Stage([RuntimeError("bug"), GOOD], monkeypatch)
    await stage.run()
    assert [observation.conclusive for observation, _ in stage.heard] == [False, True]


@asynccontextmanager
async def crowd(size: int, slots: int) -> AsyncIterator[list[int]]:
    """`size` watches that probe at once; yields the number under way after each change."""
    under_way, seen = 0, []

    async def probe(server: Server, settings: HealthSettings, dial: object) -> Observation:
        nonlocal under_way
        under_way += 1
        seen.append(under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return GOOD

    around = Surroundings(probe, asyncio.Semaphore(slots), SystemClock(), Random(1))
    settings = HealthSettings(interval_s=0.05)
    watches = [Watch("web", SERVER, settings, 0.0, Tally(2, 3), lambda *_: None) for _ in range(size)]
    tasks = [asyncio.ensure_future(watch.run(around)) for watch in watches]
    yield seen
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_no_more_probes_at_once_than_there_are_slots() -> None:
    async with crowd(50, slots=4) as seen:
        await eventually(lambda: len(seen) >= 150)
    assert max(seen) == 4
