"""Effective weights: integers in the ratios of weight x percent."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_lb.model.effective_weights import MAX_TURNS, effective_weights

servers = st.lists(st.tuples(st.integers(0, 256), st.integers(1, 100)), min_size=1, max_size=12)


@given(st.lists(st.integers(0, 256), min_size=1))
def test_while_all_percents_are_100_they_are_the_plain_weights(weights):
    assert effective_weights(weights, [100] * len(weights)) == weights


def test_a_weight_of_one_can_be_in_force_at_ten_percent():
    assert effective_weights([1, 1, 1], [10, 100, 100]) == [1, 10, 10]


@pytest.mark.parametrize("percent", [5, 50])
def test_one_percent_for_all_is_no_change_of_shares(percent):
    assert effective_weights([3, 1], [percent, percent]) == [3, 1]


@given(servers)
def test_the_ratios_are_exact_and_zero_stays_zero(pairs):
    weights, percents = [weight for weight, _ in pairs], [percent for _, percent in pairs]
    found = effective_weights(weights, percents)
    products = [weight * percent for weight, percent in pairs]
    if sum(products) <= MAX_TURNS:
        total, exact = sum(found) or 1, sum(products) or 1
        assert [Fraction(f, total) for f in found] == [Fraction(p, exact) for p in products]
    assert [f == 0 for f in found] == [p == 0 for p in products]


def test_a_schedule_that_would_be_too_long_is_rounded_and_nobody_is_left_out():
    weights = [1 + number * 37 % 256 for number in range(1000)]
    percents = [5 + 5 * (number % 20) for number in range(1000)]
    found = effective_weights(weights, percents)
    assert min(found) >= 1
    assert sum(found) <= 1.01 * MAX_TURNS
    share, exact = found[6] / sum(found), weights[6] * percents[6]
    assert share == pytest.approx(
        exact / sum(w * p for w, p in zip(weights, percents, strict=True)), rel=0.05
    )
