"""Nodes that fill up servers in orders of their own come to a level sum."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_lb.model.place import Place
from cluster_lb.picking.tiebreaks import TURN_S, tiebreaks


def filled(count: int, place: Place, requests: int, elapsed_s: float) -> Counter[int]:
    """What each server has of a node that gives every request to the least loaded, and of equals to the one
    that its order names."""
    breaks = tiebreaks(count, place, elapsed_s)
    loads = Counter(dict.fromkeys(range(count), 0))
    for _ in range(requests):
        loads[min(loads, key=lambda one: loads[one] + breaks[one])] += 1
    return loads


@given(
    count=st.integers(1, 30),
    nodes=st.integers(1, 12),
    each=st.integers(0, 60),
    elapsed_s=st.floats(0, 2 * TURN_S),
)
def test_sums_of_nodes_with_equal_traffic_are_level(count, nodes, each, elapsed_s):
    loads = sum((filled(count, Place(n, nodes), each, elapsed_s) for n in range(nodes)), Counter())
    mean = nodes * each / count
    assert all(abs(loads[one] - mean) < 3 for one in range(count))


def test_without_orders_of_their_own_all_would_take_the_same():
    loads = sum((filled(50, Place(0, 8), 25, 0.0) for _ in range(8)), Counter())
    assert set(loads.values()) == {8}
    assert loads.total() == 200


@pytest.mark.parametrize("count", [2, 10, 50])
def test_over_a_turn_of_the_circle_no_server_is_preferred(count):
    steps = [tiebreaks(count, Place(1, 3), TURN_S * step / 300) for step in range(300)]
    assert all(abs(sum(values) / 300 - 0.5) < 0.01 for values in zip(*steps, strict=True))
    assert all(0 <= value < 1 for values in steps for value in values)
