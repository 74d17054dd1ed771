"""A rotation answers with an order, not with a server."""

from __future__ import annotations

from collections import Counter

import pytest

from cluster_lb.picking import Rotation
from cluster_lb.picking.rotation import Turns
from tests.doubles.candidates import candidates


def bound(turns: str) -> Turns:
    ids = sorted(set(turns))
    return Rotation(ids, list(map(ids.index, turns))).bind(candidates(ids))


TURNS = bound("aabac")


def first(ticket: int) -> str:
    return TURNS.first(ticket).id


def order(ticket: int) -> str:
    return "".join(server.id for server in TURNS.order(ticket))


def test_tickets_index_the_turns_round_and_round():
    assert "".join(map(first, range(7))) == "aabacaa"
    assert first(10**18) == "a"


def test_an_order_names_each_server_once_from_its_turn_on():
    orders = [order(ticket) for ticket in range(100)]
    assert "".join(found[0] for found in orders) == "aabac" * 20
    assert {"".join(sorted(found)) for found in orders} == {"abc"}
    assert orders == [order(ticket) for ticket in range(100)]


@pytest.mark.parametrize(
    ("turns", "without", "shares"),
    [
        ("abcd", "d", {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}),
        ("abcd", "bd", {"a": 1 / 2, "c": 1 / 2}),
        ("abcdefgh" * 50, "c", dict.fromkeys("abdefgh", 1 / 7)),
        ("aabac", "a", {"b": 1 / 2, "c": 1 / 2}),
        ("aabac", "c", {"a": 3 / 4, "b": 1 / 4}),
        ("dddddadddddb", "d", {"a": 1 / 2, "b": 1 / 2}),
    ],
)
def test_what_some_cannot_take_is_spread_over_the_others_by_weight(turns, without, shares):
    picker = bound(turns)
    heirs: Counter[str] = Counter()
    for ticket in range(12000):
        servers = list(picker.order(ticket))
        if servers[0].id in without:
            heirs[next(server.id for server in servers if server.id not in without)] += 1
    for server_id, share in shares.items():
        assert heirs[server_id] / heirs.total() == pytest.approx(share, abs=0.06)


class CountedTurns(list):
    """A rotation that counts how often it is looked at."""

    looks = 0

    def __getitem__(self, index):
        self.looks += 1
        return super().__getitem__(index)


def test_an_order_to_its_end_looks_at_few_turns_for_each_server_however_long_the_period():
    schedule = CountedTurns([0] * 5000 + [1] * 4999 + [2])
    picker = Turns(list(candidates("abc").values()), schedule)
    schedule.looks = 0
    for ticket in range(0, 10**4, 7):
        assert sorted(server.id for server in picker.order(ticket)) == ["a", "b", "c"]
    assert schedule.looks <= (10**4 // 7 + 1) * 20


@pytest.mark.parametrize(("period", "laid_out"), [(1 << 16, True), ((1 << 16) + 1, False)])
def test_a_very_long_period_is_not_laid_out_as_servers(period, laid_out):
    picker = Rotation(["a", "b"], [0] * (period - 1) + [1]).bind(candidates("ab"))
    assert len(picker.turns) == (period if laid_out else 0)
    assert "".join(picker.first(period + turn).id for turn in (-1, 0, 1)) == "baa"
    assert [server.id for server in picker.order(period - 1)] == ["b", "a"]


def test_without_servers_there_is_nothing_to_pick():
    empty = Rotation([], [])
    assert empty.period == 0
    assert empty.bind({}).first(3) is None
    assert list(empty.bind({}).order(3)) == []
