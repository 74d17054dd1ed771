"""Goals beside what was measured."""

import pytest

from scripts.benchmark.goals import GOALS, Figure, Goal
from scripts.benchmark.modes import named
from tests.scripts.benchmark.figures import measured, results, sample


@pytest.mark.parametrize(
    ("value", "reached"), [(1.0, "the goal beyond"), (1.01, "yes"), (1.25, "yes"), (1.26, "no")]
)
def test_which_of_two_goals_is_reached(value: float, reached: str) -> None:
    assert Goal("small", 1.25, 1.0).reached(value) == reached


def test_a_goal_may_stand_alone() -> None:
    assert [Goal("small", 1.0, None).reached(value) for value in (1.0, 1.1)] == ["yes", "no"]
    assert [Goal("small", None, 1.0).reached(value) for value in (1.0, 1.1)] == ["the goal beyond", "no"]


def test_cpu_is_compared_with_the_baseline() -> None:
    goal = Goal("small", 1.25, 1.0)
    found = goal.measured(measured(base=[10.0], ours=[12.0]), "base", "ours")
    assert found == pytest.approx(1.2)
    assert goal.row(found) == ["small", "1.25 x", "1.00 x", "1.20 x", "yes"]


def test_latency_is_compared_with_the_one_that_the_goal_names() -> None:
    figures = measured()
    figures.samples += [sample("ours", 1.0, p99_ms=6.0), sample("Envoy", 1.0, p99_ms=12.0)]
    goal = Goal("small", 1.0, None, Figure.P99, "Envoy")
    found = goal.measured(figures, "base", "ours")
    assert found == pytest.approx(0.5)
    assert goal.row(found)[1:] == ["1.00 x", "–", "0.50 x", "yes"]  # noqa: RUF001
    assert goal.title == "small: 99th percentile of latency against Envoy's"


def test_what_a_mode_adds_is_microseconds() -> None:
    goal = Goal("log", 2.0, 1.0, Figure.ADDED)
    found = goal.measured(results({("ours", "small"): [40.0], ("ours", "log"): [41.5]}), "base", "ours")
    assert found == pytest.approx(1.5)
    assert goal.row(found) == ["access log: added to each request", "+2.0 us", "+1.0 us", "+1.5 us", "yes"]


def test_what_was_not_measured_has_no_figure() -> None:
    assert [goal for goal in GOALS if goal.measured(measured(), "base", "ours") is not None] == []


def test_every_goal_is_about_a_mode_that_there_is() -> None:
    assert all(named(goal.mode) for goal in GOALS)
    assert all(named(goal.mode).extends for goal in GOALS if goal.figure is Figure.ADDED)
