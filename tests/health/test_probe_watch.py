"""One server's probes: when they are made, what is counted."""

from __future__ import annotations

import asyncio
import itertools
from random import Random

import pytest

from cluster_lb.health.observation import Observation, Word
from cluster_lb.health.probe_watch import ProbeWatch
from cluster_lb.health.rhythm import Rhythm
from cluster_lb.health.tally import Tally
from cluster_lb.model.address import Address
from cluster_lb.model.availability import Health
from cluster_lb.model.server import Server
from cluster_lb.model.verdict import Vote
from cluster_lb.settings.health import HealthSettings
from tests.doubles.virtual_time import VirtualClock, run_virtually

GOOD, BAD, BLIND = Observation(Word.L4OK), Observation(Word.L4TOUT), Observation(Word.SOCKERR)
EVERY_2_S = HealthSettings(interval_s=2.0)
SERVER = Server("a", Address("127.0.0.1", 9001))


class Stage:
    """A watch with a scripted probe, in virtual time."""

    def __init__(self, script, settings: HealthSettings = EVERY_2_S) -> None:
        self.script = list(script)
        self.heard: list[tuple[Observation, Vote | None]] = []
        self.times: list[float] = []  # of the probes, since the start
        self.settings = settings

    def run(self) -> None:
        run_virtually(self._scene())

    async def _scene(self) -> None:
        self.clock, self.done = VirtualClock(), asyncio.Event()
        rhythm = Rhythm(0.25, self.clock, Random(1))
        tally = Tally(self.settings.rise, self.settings.fall)
        self.watch = ProbeWatch("web", SERVER, self.settings, rhythm, None, tally, self._probe, self._hear)
        self.watch.task = asyncio.ensure_future(self.watch.run(asyncio.Semaphore(1)))
        await self.done.wait()
        self.watch.stop()
        await asyncio.wait([self.watch.task])

    async def _probe(self, server: Server, settings: HealthSettings, dial: object) -> Observation:
        self.times.append(self.clock.monotonic() - 1000)
        outcome = self.script.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _hear(self, watch: ProbeWatch, observation: Observation) -> None:
        self.heard.append((observation, watch.opinion))
        if not self.script:
            self.done.set()


def test_the_first_probe_waits_for_its_phase() -> None:
    stage = Stage([GOOD])
    stage.run()
    assert stage.times == pytest.approx([0.5], abs=0.11)


def gaps_after(script: str, **settings: float) -> list[float]:
    """The seconds between probes of these outcomes (+ good, - bad, ? neither), rounded to tenths."""
    health = HealthSettings.model_validate({"interval_s": 4.0} | settings)
    stage = Stage([{"+": GOOD, "-": BAD, "?": BLIND}[word] for word in script], health)
    stage.run()
    return [after - before for before, after in itertools.pairwise(stage.times)]


def test_mixed_results_are_followed_quickly_and_a_server_that_is_down_slowly() -> None:
    script = "++--++---?-++"
    #         up  mixed up mixed down   mixed up
    found = gaps_after(script, fast_interval_s=1.0, down_interval_s=16.0)
    kinds = "".join("s" if gap > 6 else "n" if gap > 1.45 else "f" for gap in found)
    assert kinds == "nnffnnffsssf"


def test_without_other_intervals_all_are_alike() -> None:
    assert all(3.6 <= gap <= 4.4 for gap in gaps_after("++--++---?-++"))


def test_each_observation_is_told_with_the_opinion_that_follows() -> None:
    stage = Stage([GOOD, BAD, BAD, BAD, GOOD, GOOD])
    stage.run()
    up, down = Vote(Health.UP, "L4OK"), Vote(Health.DOWN, "L4TOUT")
    assert [opinion for _, opinion in stage.heard] == [up, up, up, down, down, up]


def test_what_says_nothing_of_the_server_is_not_counted() -> None:
    stage = Stage([GOOD, *[BLIND] * 10, BAD, BAD])
    stage.run()
    assert stage.watch.tally.up
    assert {opinion for _, opinion in stage.heard} == {Vote(Health.UP, "L4OK")}


def test_a_defect_of_the_probe_does_not_end_the_watch() -> None:
    stage = Stage([RuntimeError("bug"), GOOD])
    stage.run()
    assert [observation.conclusive for observation, _ in stage.heard] == [False, True]
