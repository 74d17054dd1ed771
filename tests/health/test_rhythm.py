"""When a prober's turns come: at moments that all nodes reckon alike, whatever happens in between."""

from __future__ import annotations

import asyncio
import itertools
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_lb.health.rhythm import Rhythm, until_turn
from tests.doubles.virtual_time import VirtualClock, run_virtually


@given(st.floats(0, 1e10), st.floats(0, 1, exclude_max=True), st.floats(0.05, 3600))
def test_the_next_turn_is_within_an_interval(wall: float, phase: float, interval_s: float) -> None:
    assert 0 <= until_turn(wall, phase, interval_s) <= interval_s


@pytest.mark.parametrize(("wall", "wait"), [(100.0, 0.5), (100.4, 0.1), (100.5, 2.0), (101.0, 1.5)])
def test_turns_are_at_fixed_moments_of_the_wall_clock(wall: float, wait: float) -> None:
    assert until_turn(wall, 0.25, 2.0) == pytest.approx(wait)


def turns(count: int, phase: float = 0.25, clock: VirtualClock | None = None, took_s: float = 0.0):
    """When (seconds since the start) so many turns of 2 s came, each followed by `took_s` of work."""

    async def scene() -> list[float]:
        its_clock = clock or VirtualClock()
        rhythm, found = Rhythm(phase, its_clock, Random(1)), []
        for _ in range(count):
            await rhythm.turn(2.0)
            found.append(its_clock.monotonic() - 1000)
            await asyncio.sleep(took_s)
        return found

    return run_virtually(scene())


def gaps(times: list[float]) -> list[float]:
    return [after - before for before, after in itertools.pairwise(times)]


def test_intervals_vary_by_a_tenth() -> None:
    found = gaps(turns(500))
    assert all(1.8 <= gap <= 2.2 for gap in found)
    assert min(found) < 1.85
    assert max(found) > 2.15


def test_after_many_turns_they_are_still_where_they_began() -> None:
    assert turns(1000)[-1] == pytest.approx(2.0 * 999 + 0.5, abs=0.1)


def test_the_time_that_work_takes_is_part_of_the_interval() -> None:
    assert all(1.8 <= gap <= 2.2 for gap in gaps(turns(50, took_s=1.0)))


def test_work_longer_than_the_interval_leaves_turns_out_and_no_debt() -> None:
    assert all(5.8 <= gap <= 6.2 for gap in gaps(turns(20, took_s=5.0)))


@pytest.mark.parametrize("step_s", [-3600.3, -0.3, 0.3, 3600.3])
def test_a_wall_clock_that_is_set_makes_no_burst_and_no_gap(step_s: float) -> None:
    class Stepping(VirtualClock):
        def wall(self) -> float:
            return super().wall() + (step_s if self.monotonic() > 1010 else 0.0)

    assert all(0.7 <= gap <= 2.9 for gap in gaps(turns(20, clock=Stepping())))


def test_another_phase_holds_from_the_turn_after_the_one_that_is_awaited() -> None:
    async def scene() -> list[float]:
        clock = VirtualClock()
        rhythm, found = Rhythm(0.4, clock, Random(1)), []
        asyncio.get_running_loop().call_later(0.3, setattr, rhythm, "phase", 0.0)
        for _ in range(3):
            await rhythm.turn(2.0)
            found.append(clock.monotonic() - 1000)
        return found

    assert run_virtually(scene()) == pytest.approx([0.8, 2.0, 4.0], abs=0.11)


def test_another_interval_counts_from_the_turn_before() -> None:
    async def scene() -> list[float]:
        clock = VirtualClock()
        rhythm, found = Rhythm(0.25, clock, Random(1)), []
        for interval_s in (2.0, 0.4, 0.4, 8.0):
            await rhythm.turn(interval_s)
            found.append(clock.monotonic() - 1000)
        return found

    first, second, third, last = run_virtually(scene())
    assert first == pytest.approx(0.5, abs=0.1)
    assert 0.1 <= second - first <= 0.6
    assert third - second == pytest.approx(0.4, abs=0.05)
    assert 2.8 <= last - third <= 12.8
