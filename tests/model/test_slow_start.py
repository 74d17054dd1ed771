"""Slow start: Envoy's curve in steps, and the cap on the others' surplus."""

from __future__ import annotations

import pytest

from cluster_lb.model.slow_start import Ramp, least_part


@pytest.mark.parametrize(
    ("elapsed_ms", "part"),
    [
        (-5, 0.1),
        (0, 0.1),
        (2_999, 0.1),
        (6_000, 0.2),
        (15_000, 0.5),
        (29_999, 0.9),
        (30_000, 1.0),
        (90_000, 1.0),
    ],
)
def test_a_linear_ramp_grows_in_steps_of_a_tenth(elapsed_ms, part):
    assert Ramp(30_000).part(elapsed_ms) == pytest.approx(part)


@pytest.mark.parametrize(("aggression", "part"), [(1.0, 0.2), (2.0, 0.5), (0.5, 0.1)])
def test_an_aggressive_ramp_is_quick_at_first(aggression, part):
    assert Ramp(40_000, aggression).part(10_000) == pytest.approx(part)


def test_it_begins_at_its_least_percent():
    assert Ramp(30_000, min_percent=35).part(0) == pytest.approx(0.35)


@pytest.mark.parametrize(("warm", "warming"), [(3, 9), (1, 1), (10, 1), (1, 99)])
def test_with_the_least_part_a_warm_server_has_at_most_one_and_a_half_shares(warm, warming):
    part = max(0.0, least_part(warm, warming))
    share, plain = 1 / (warm + part * warming), 1 / (warm + warming)
    assert share <= 1.5 * plain * 1.000001
