"""Envoy's zone-aware arithmetic: how much stays, where the rest goes, and that no zone gets too much."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_lb.picking.zone_shares import RESOLUTION, whole_turns, zone_shares

ALL, HALF, THIRD = Fraction(1), Fraction(1, 2), Fraction(1, 3)


@pytest.mark.parametrize(
    ("case", "nodes", "capacity", "expected"),
    [
        # Envoy's cases: its document on zone aware routing, and load_balancer_impl_test.cc
        ("equal: all stays", {"a": 1, "b": 1, "c": 1}, {"a": 1, "b": 1, "c": 1}, {"a": ALL, "b": 0, "c": 0}),
        ("more than enough: all stays", {"a": 1, "b": 2}, {"a": 3, "b": 1}, {"a": ALL, "b": 0}),
        ("half of what is needed: half stays", {"a": 2, "b": 1}, {"a": 1, "b": 2}, {"a": HALF, "b": HALF}),
        (
            "what is left decides where the rest goes",
            {"a": 3, "b": 1, "c": 0},
            {"a": 1, "b": 2, "c": 1},
            {"a": THIRD, "b": THIRD, "c": THIRD},
        ),
        (
            "a zone that is itself too small gets nothing",
            {"a": 2, "b": 2, "c": 1},
            {"a": 1, "b": 1, "c": 3},
            {"a": HALF, "b": 0, "c": HALF},
        ),
        # ours: Envoy routes without preference in these
        ("no server in the own zone", {"a": 1, "b": 1}, {"b": 1, "c": 1}, {"b": 0, "c": ALL}),
        ("servers without a zone are a zone of their own", {"a": 2}, {"a": 1, "": 1}, {"a": HALF, "": HALF}),
        (
            "one zone has all nodes",
            {"a": 3},
            {"a": 1, "b": 2, "c": 3},
            {"a": Fraction(1, 6), "b": THIRD, "c": HALF},
        ),
    ],
)
def test_cases(case, nodes, capacity, expected):
    assert zone_shares("a", nodes, capacity) == expected, case


zones = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 50), min_size=1)


@given(nodes=zones, capacity=zones)
def test_with_equal_traffic_on_all_nodes_every_zone_gets_just_its_capacity(nodes, capacity):
    got = dict.fromkeys(capacity, Fraction(0))
    for zone, count in nodes.items():
        shares = zone_shares(zone, nodes, capacity)
        assert sum(shares.values()) == 1
        for target, share in shares.items():
            got[target] += share * count
    everything = Fraction(sum(nodes.values()), sum(capacity.values()))
    assert got == {zone: weight * everything for zone, weight in capacity.items()}


@given(nodes=zones, capacity=zones)
def test_nothing_leaves_a_zone_that_could_stay(nodes, capacity):
    for zone, count in nodes.items():
        stays = zone_shares(zone, nodes, capacity).get(zone, 0) * count / sum(nodes.values())
        room = Fraction(capacity.get(zone, 0), sum(capacity.values()))
        assert stays == min(Fraction(count, sum(nodes.values())), room)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20).filter(any))
def test_whole_turns_are_exact_or_rounded_to_the_nearest(weights):
    shares = [Fraction(weight, sum(weights)) for weight in weights]
    turns = whole_turns(shares)
    assert 1 <= sum(turns) <= RESOLUTION
    for share, got in zip(shares, turns, strict=True):
        assert abs(Fraction(got, sum(turns)) - share) < Fraction(1, RESOLUTION)
    if sum(turns) < RESOLUTION:
        assert [Fraction(got, sum(turns)) for got in turns] == shares
