"""The bounds follow what is in flight, in small pools at once, in large ones within a round of picks; several
nodes keep them together."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_lb.picking.bounded_loads import Bounds, set_leeways
from cluster_lb.picking.consistent_hash import ConsistentHash
from tests.doubles.candidates import candidates


def bounds(count: int, factor: float = 1.25, weight: int = 1) -> tuple[Bounds, list]:
    servers = list(candidates(map(str, range(count))).values())
    return Bounds(servers, [weight] * count, factor), servers


def test_the_share_of_a_server_is_the_factor_of_the_mean_with_the_new_one_counted():
    measured, servers = bounds(4, weight=5)
    servers[0].load, servers[1].load = 4, 3
    assert measured.per_weight() == pytest.approx(1.25 * 8 / 20)


def test_a_server_takes_one_more_while_that_stays_within_the_rounded_up_bound():
    measured, servers = bounds(4)
    servers[2].load = 2
    assert [measured.takes(2, per_weight) for per_weight in (1.9, 2.0, 2.1)] == [False, False, True]


def test_or_while_others_leave_it_to_this_node():
    measured, servers = bounds(4)
    servers[2].load, servers[2].leeway = 2, 2.5
    assert measured.takes(2, 1.0)
    servers[2].load = 3
    assert not measured.takes(2, 1.0)


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


# --- several nodes

nodes_loads = st.lists(st.lists(st.integers(0, 50), min_size=4, max_size=4), min_size=2, max_size=8)
WEIGHTS = (1, 1, 2, 5)
PLAN = ConsistentHash("abcde", [1, 1, 1, 2, 5], 1.25)


@given(nodes_loads)
def test_what_nodes_may_use_together_is_the_room_that_there_is(loads):
    total = sum(map(sum, loads))
    leeways = [0.0] * 4
    for number, own in enumerate(loads):
        servers = list(candidates("abcd").values())
        for index, server in enumerate(servers):
            server.load = own[index]
            server.elsewhere = sum(other[index] for n, other in enumerate(loads) if n != number)
        set_leeways(servers, WEIGHTS, 1.25, len(loads))
        leeways = [sum_ + server.leeway for sum_, server in zip(leeways, servers, strict=True)]
    assert leeways == pytest.approx([1.25 * (total + 1) * weight / 9 for weight in WEIGHTS])


def test_a_single_node_has_nobody_to_leave_it_anything():
    _, servers = bounds(2)
    set_leeways(servers, [1, 1], 1.25, 1)
    assert [server.leeway for server in servers] == [0, 0]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=200))
def test_nodes_that_never_hear_of_each_other_keep_the_bound_but_for_rounding(requests):
    """`requests`: (node, key), none of which ends."""
    nodes = [candidates("abcde") for _ in range(4)]
    pickers = [PLAN.bind(live) for live in nodes]
    for node, key in requests:
        pickers[node].first(key * 13_107).load += 1
    for server_id, weight in zip("abcde", [1, 1, 1, 2, 5], strict=True):
        together = sum(live[server_id].load for live in nodes)
        assert together < 1.25 * len(requests) * weight / 10 + len(nodes)
        assert together <= sum(
            math.ceil(round(1.25 * sum(one.load for one in live.values()) * weight / 10, 9)) for live in nodes
        )
