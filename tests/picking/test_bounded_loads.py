"""The bounds follow what is in flight, in small pools at once, in large ones within a round of picks."""

from __future__ import annotations

import pytest

from cluster_lb.picking.bounded_loads import Bounds
from tests.doubles.candidates import candidates


def bounds(count: int, factor: float = 1.25, weight: int = 1) -> tuple[Bounds, list]:
    servers = list(candidates(map(str, range(count))).values())
    return Bounds(servers, [weight] * count, factor), servers


def test_the_share_of_a_server_is_the_factor_of_the_mean_with_the_new_one_counted():
    measured, servers = bounds(4, weight=5)
    servers[0].load, servers[1].elsewhere = 4, 3
    assert measured.per_weight() == pytest.approx(1.25 * 8 / 20)


def test_a_server_takes_one_more_while_that_stays_within_the_rounded_up_bound():
    measured, servers = bounds(4)
    servers[2].load, servers[2].elsewhere = 1, 1
    assert [measured.takes(2, per_weight) for per_weight in (1.9, 2.0, 2.1)] == [False, False, True]


def test_in_a_small_pool_every_change_counts_at_once():
    measured, servers = bounds(8)
    for load in (5, 0, 7):
        servers[7].load = load
        assert measured.per_weight() == pytest.approx(1.25 * (load + 1) / 8)


def test_in_a_large_pool_a_change_counts_after_a_round():
    measured, servers = bounds(100)
    for server in servers:
        server.load = 3
    for _ in range(25):
        measured.per_weight()
    assert measured.per_weight() == pytest.approx(1.25 * 301 / 100)
