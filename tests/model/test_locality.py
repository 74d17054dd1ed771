"""Where a node is among the others."""

from __future__ import annotations

from cluster_lb.model.locality import Locality
from cluster_lb.model.member import Member


def member(node_id: str, zone: str = "") -> Member:
    return Member(node_id, "1.0", zone)


def test_nodes_are_counted_by_zone_and_those_without_one_left_out():
    members = member("n1", "a"), member("n2", "b"), member("n3", "a"), member("n4")
    assert Locality.of("n1", "a", members) == Locality("a", {"a": 2, "b": 1})


def test_a_node_counts_itself_though_it_is_no_member_yet():
    assert Locality.of("n1", "a", [member("n2", "a")]) == Locality("a", {"a": 2})


def test_a_node_knows_its_own_zone_better_than_its_record():
    assert Locality.of("n1", "b", [member("n1", "a")]) == Locality("b", {"b": 1})
