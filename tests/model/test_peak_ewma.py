"""A rise counts at once, a fall slowly."""

from __future__ import annotations

from math import e

import pytest

from cluster_lb.model.peak_ewma import DECAY_S, freshness, with_peak


def test_a_higher_value_is_the_estimate_at_once():
    assert with_peak(0.01, 3.0, 0.5) == 0.5


def test_a_lower_value_counts_by_the_time_since_the_last_one():
    assert with_peak(1.0, 0.0, 0.1) == 1.0
    assert with_peak(1.0, DECAY_S, 0.1) == pytest.approx(1 / e + 0.1 * (1 - 1 / e))
    assert with_peak(1.0, 100 * DECAY_S, 0.1) == pytest.approx(0.1)


def test_an_estimate_fades():
    assert freshness(0.0) == 1.0
    assert freshness(DECAY_S) == pytest.approx(1 / e)
    assert freshness(float("inf")) == 0.0
