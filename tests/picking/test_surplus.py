"""What the others have counts where it is more than its part, as far as it is this node's to make up for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_lb.picking.surplus import own_part, surpluses

ALIKE = dict.fromkeys("abcd", 1)


def test_level_loads_count_for_nobody():
    assert surpluses({"a": 5, "b": 5, "c": 5, "d": 5}, ALIKE, 1.0) == {}


def test_what_is_above_the_other_servers_counts_and_what_is_below_does_not():
    assert surpluses({"a": 9, "b": 3, "c": 3}, ALIKE, 1.0) == {"a": 7}


def test_a_node_makes_up_for_its_part():
    assert surpluses({"a": 40}, ALIKE, 1 / 8) == {"a": 5}


def test_it_may_be_a_part_of_a_request():
    assert surpluses({"a": 7}, ALIKE, 1 / 8) == {"a": 7 / 8}


def test_a_server_of_twice_the_weight_has_twice_the_part():
    weights = {"a": 2, "b": 1, "c": 1}
    assert surpluses({"a": 10, "b": 5, "c": 5}, weights, 1.0) == {}
    assert surpluses({"a": 10, "b": 10, "c": 5}, weights, 1.0) == {"b": 5}


def test_one_long_request_of_the_other_of_two_nodes_is_avoided_among_two_servers():
    assert surpluses({"a": 2}, {"a": 1, "b": 1}, 0.5) == {"a": 1}


def test_servers_that_cannot_be_picked_are_left_out():
    assert surpluses({"gone": 50, "a": 4}, ALIKE, 1.0) == {"a": 4}
    assert surpluses({"a": 4}, {"a": 1}, 1.0) == {}
    assert surpluses({"a": 4}, {}, 1.0) == {}


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(0, 1000)), st.floats(0, 1))
def test_never_more_than_there_is(elsewhere, part):
    for server, surplus in surpluses(elsewhere, ALIKE, part).items():
        assert 0 < surplus <= elsewhere[server]


@pytest.mark.parametrize(
    ("here", "elsewhere", "nodes", "part"),
    [
        (0, 0, 4, 0.25),
        (30, 10, 4, 0.75),
        (0, 100, 8, 0.125),
        (7, 0, 1, 1.0),
        (5, 5, 0, 1.0),  # no member is known yet
    ],
)
def test_a_nodes_part_is_by_what_it_has_in_flight_and_at_least_an_equal_one(here, elsewhere, nodes, part):
    assert own_part(here, elsewhere, nodes) == part
