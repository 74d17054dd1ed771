"""A ring is looked at a few positions at a time."""

from __future__ import annotations

from collections import Counter

import pytest

from cluster_lb.picking.ring import Ring

FEW = 4
some_sizes = pytest.mark.parametrize("size", [0, 1, 3, FEW, FEW + 1, 10, 100])


@some_sizes
@pytest.mark.parametrize("number", [0, 7, 2**64 - 1])
def test_the_parts_have_each_position_once_and_few_at_a_time(size, number):
    parts = list(Ring(size, FEW).parts(number))
    assert sorted(position for part in parts for position in part) == list(range(size))
    assert all(len(part) == FEW for part in parts[:-1])


@some_sizes
def test_what_a_pick_looks_at_is_the_first_part(size):
    ring = Ring(size, FEW, period=30)
    around = ring.around(range(size))
    for number in range(500):
        start = ring.starts[number % len(ring.starts)]
        assert around[start : start + ring.few] == next(ring.parts(number), [])


def test_numbers_in_a_row_begin_all_over_the_ring():
    ring = Ring(100, FEW)
    assert Counter(ring.starts) == dict.fromkeys(range(100), 1)
    assert all(abs(a - b) > FEW for a, b in zip(ring.starts, ring.starts[1:], strict=False))


@pytest.mark.parametrize("size", [2, 10, 60])
def test_no_server_of_a_small_ring_is_begun_with_much_more_often_than_another(size):
    starts = Counter(Ring(size, FEW, period=size).starts)
    assert len(starts) == size
    assert max(starts.values()) - min(starts.values()) <= 1 + 64 // size // 10


@pytest.mark.parametrize(("size", "period"), [(10, 10), (100, 100), (97, 97 * 64), (6, 2**5 * 3**3 * 5**2)])
def test_each_turn_of_a_period_meets_each_start(size, period):
    starts = Ring(size, FEW, period).starts
    assert len({(number % period, number % len(starts)) for number in range(period * len(starts))}) == (
        period * len(starts)
    )
