"""The schedule: exact shares over a period, and close to them at every step."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_lb.picking.schedule import build_schedule

some_weights = st.lists(st.integers(0, 256), min_size=1, max_size=8).filter(any)


def deviations(weights: list[int], order: list[int]) -> list[tuple[int, int, int]]:
    """For each server: least, greatest and last of (its turns less its exact share) over the steps, in units
    of 1 / (sum of the weights)."""
    total = sum(weights)
    result = []
    for server, weight in enumerate(weights):
        now = least = greatest = 0
        for chosen in order:
            now += (total if chosen == server else 0) - weight
            least, greatest = min(least, now), max(greatest, now)
        result.append((least, greatest, now))
    return result


@given(some_weights)
def test_a_period_is_the_sum_of_the_weights_over_their_divisor_and_shares_are_exact(weights):
    order = build_schedule(weights)
    divisor = math.gcd(*weights)
    assert len(order) == sum(weights) // divisor
    assert Counter(order) == {server: weight // divisor for server, weight in enumerate(weights) if weight}


@given(some_weights)
def test_every_prefix_is_within_the_bound_of_the_chairman_assignment(weights):
    active = sum(weight > 0 for weight in weights)
    slack = max(1, 2 * active - 2)  # the bound is 1 - 1 / slack
    for least, greatest, _ in deviations(weights, build_schedule(weights)):
        assert max(-least, greatest) * slack <= (slack - 1) * sum(weights)


@given(some_weights)
def test_any_run_of_turns_is_within_two_of_its_share(weights):
    for least, greatest, last in deviations(weights, build_schedule(weights)):
        # A run is the difference of two prefixes; periods begin and end at 0, so it may span several.
        assert greatest - least < 2 * sum(weights)
        assert last == 0


@pytest.mark.parametrize("weight", [1, 3, 256])
def test_equal_weights_give_the_plain_order(weight):
    assert build_schedule([weight] * 5) == [0, 1, 2, 3, 4]


@given(some_weights, st.integers(1, 7))
def test_weights_of_one_ratio_give_one_schedule(weights, factor):
    reduced = [weight // math.gcd(*weights) for weight in weights]
    assert build_schedule([weight * factor for weight in reduced]) == build_schedule(reduced)


@given(some_weights)
def test_servers_without_weight_change_nothing(weights):
    order = build_schedule(weights)
    with_zeros = build_schedule([0, *weights, 0])
    assert [server - 1 for server in with_zeros] == order


@pytest.mark.parametrize("weights", [[], [0], [0, 0, 0]])
def test_without_weight_there_is_no_turn(weights):
    assert build_schedule(weights) == []


def test_a_single_server_has_every_turn():
    assert build_schedule([0, 7, 0]) == [1]


def test_turns_of_a_heavy_server_are_spread():
    assert build_schedule([5, 1, 1]) == [0, 0, 1, 0, 0, 2, 0]


def test_thousands_of_servers_keep_the_bound():
    weights = [1 + (number * 37) % 256 for number in range(2000)]
    order = build_schedule(weights)
    assert len(order) == sum(weights) // math.gcd(*weights)
    total, turns = sum(weights), Counter()
    for step, chosen in enumerate(order[:20_000], 1):
        turns[chosen] += 1
        assert abs(turns[chosen] * total - step * weights[chosen]) < total
