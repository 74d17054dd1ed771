"""A rotation answers with an order, not with a server."""

from __future__ import annotations

from cluster_lb.picking import Rotation

ROTATION = Rotation(["a", "a", "b", "a", "c"])


def test_tickets_index_the_turns_round_and_round():
    assert [ROTATION.first(ticket) for ticket in range(7)] == ["a", "a", "b", "a", "c", "a", "a"]
    assert ROTATION.first(10**18) == "a"


def test_an_order_names_each_server_once_from_its_turn_on():
    assert list(ROTATION.order(0)) == ["a", "b", "c"]
    assert list(ROTATION.order(2)) == ["b", "a", "c"]
    assert list(ROTATION.order(4)) == ["c", "a", "b"]
    assert list(ROTATION.order(9)) == ["c", "a", "b"]


def test_without_servers_there_is_nothing_to_pick():
    empty = Rotation([])
    assert empty.period == 0
    assert empty.first(3) is None
    assert list(empty.order(3)) == []
