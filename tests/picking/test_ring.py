"""A ring is looked at a few positions at a time."""

from __future__ import annotations

from collections import Counter

import pytest

from cluster_lb.picking.ring import FEW, Ring


@pytest.mark.parametrize("size", [0, 1, 5, FEW, FEW + 1, 100])
@pytest.mark.parametrize("number", [0, 7, 2**64 - 1])
def test_the_parts_have_each_position_once_and_few_at_a_time(size, number):
    parts = list(Ring(size).parts(number))
    assert sorted(position for part in parts for position in part) == list(range(size))
    assert all(len(part) == FEW for part in parts[:-1])
    assert not parts or parts[0][0] == Ring(size).start(number)


def test_tickets_in_a_row_begin_all_over_the_ring():
    ring = Ring(100)
    starts = Counter(ring.start(number) for number in range(10_000))
    assert max(starts.values()) < 1.1 * 100
    assert all(abs(ring.start(number) - ring.start(number + 1)) > FEW for number in range(50))
