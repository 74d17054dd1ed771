"""The figures of a heartbeat."""

from __future__ import annotations

import math

import pytest

from cluster_lb.sdk.report import checked_figures, system_report


def test_the_machine_is_reported_in_shares() -> None:
    figures = system_report()
    assert set(figures) - {"bandwidth"} == {
        "cpu",
        "memory",
        "load_average",
    }  # no interface may know its speed
    assert 0 <= figures["cpu"] <= 1
    assert 0 < figures["memory"] < 1
    assert figures["load_average"] >= 0


def test_figures_become_plain_floats() -> None:
    assert checked_figures({"queue": 3}) == {"queue": 3.0}
    assert isinstance(checked_figures({"queue": 3})["queue"], float)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_figure_that_json_cannot_carry_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="queue is"):
        checked_figures({"queue": value})
