"""A rotation answers with an order, not with a server."""

from __future__ import annotations

from cluster_lb.picking import Rotation
from tests.doubles.candidates import candidates

TURNS = Rotation(["a", "a", "b", "a", "c"]).bind(candidates("abc"))


def first(ticket: int) -> str:
    return TURNS.first(ticket).id


def order(ticket: int) -> str:
    return "".join(server.id for server in TURNS.order(ticket))


def test_tickets_index_the_turns_round_and_round():
    assert "".join(map(first, range(7))) == "aabacaa"
    assert first(10**18) == "a"


def test_an_order_names_each_server_once_from_its_turn_on():
    assert [order(ticket) for ticket in (0, 2, 4, 9)] == ["abc", "bac", "cab", "cab"]


def test_without_servers_there_is_nothing_to_pick():
    empty = Rotation([])
    assert empty.period == 0
    assert empty.bind({}).first(3) is None
    assert list(empty.bind({}).order(3)) == []
