"""Rise and fall: one integer, consecutive results only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_lb.health.tally import Tally, next_count
from cluster_lb.model.availability import Health

UP, DOWN = Health.UP, Health.DOWN
COUNTS = st.integers(1, 6)
RESULTS = st.lists(st.booleans(), max_size=60)


@pytest.mark.parametrize(
    ("count", "on_success", "on_failure"),
    [
        (0, 1, 0),
        (1, 4, 0),  # rise - 1: a success flips to UP, at the top
        (2, 4, 0),  # rise: just up, a failure flips to DOWN
        (3, 4, 2),
        (4, 4, 3),  # the top
    ],
)
def test_the_table_for_rise_2_and_fall_3(count: int, on_success: int, on_failure: int) -> None:
    assert next_count(count, True, 2, 3) == on_success
    assert next_count(count, False, 2, 3) == on_failure


@pytest.mark.parametrize(
    ("results", "flips"),
    [
        ("-", [DOWN]),  # just up: the first failure decides
        ("+--", [None] * 3),
        ("+---", [None, None, None, DOWN]),
        ("+--+--", [None] * 6),  # consecutive means consecutive
        ("-+-++", [DOWN, None, None, None, UP]),
        ("-++---", [DOWN, None, UP, None, None, DOWN]),
    ],
)
def test_stories_with_rise_2_and_fall_3(results: str, flips: list[Health | None]) -> None:
    tally = Tally(2, 3)
    assert [tally.add(result == "+") for result in results] == flips


def test_with_rise_1_and_fall_1_every_change_flips() -> None:
    tally = Tally(1, 1)
    assert [tally.add(ok) for ok in (True, False, False, True)] == [None, DOWN, None, UP]


def test_a_tally_that_begins_down_needs_rise_successes() -> None:
    tally = Tally(2, 3, up=False)
    assert not tally.up
    assert [tally.add(True), tally.add(True)] == [None, UP]


@given(COUNTS, COUNTS, RESULTS)
def test_it_flips_exactly_when_a_run_of_equal_results_is_long_enough(
    rise: int, fall: int, results: list[bool]
) -> None:
    tally = Tally(rise, fall)
    tally.add(True)  # at the top, so that `fall` failures are due
    up, run = True, 0
    for ok in results:
        run = run + 1 if ok is not up else 0
        flips = run == (fall if up else rise)
        assert (tally.add(ok) is not None) is flips
        if flips:
            up, run = not up, 0
        assert tally.up is up


@given(COUNTS, COUNTS, RESULTS)
def test_the_count_stays_in_its_range(rise: int, fall: int, results: list[bool]) -> None:
    count = rise
    for ok in results:
        count = next_count(count, ok, rise, fall)
        assert 0 <= count <= rise + fall - 1
