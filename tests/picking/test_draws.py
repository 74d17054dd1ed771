"""Draws are by weight, and so is what follows when the first one will not do."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_lb.picking.draws import Draws
from tests.doubles.candidates import candidates
from tests.picking.distributions import chi_square_ratio

WEIGHTS = {f"s{number}": weight for number, weight in enumerate([1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144])}


def urn(weights):
    return Draws(weights).bind(candidates(weights))


def ids(order):
    return [server.id for server in order]


@given(st.lists(st.integers(1, 256), max_size=40), st.integers(0, 2**64 - 1))
def test_an_order_begins_with_the_draw_and_has_each_server_once(weights, number):
    servers = {f"s{index}": weight for index, weight in enumerate(weights)}
    drawn = urn(servers)
    order = ids(drawn.order(number))
    assert sorted(order) == sorted(servers)
    assert drawn.first(number) is next(drawn.order(number), None)


def test_draws_are_by_weight():
    random, drawn = Random(1), urn(WEIGHTS)
    counts = Counter(drawn.first(random.getrandbits(64)).id for _ in range(100_000))
    assert chi_square_ratio(counts, WEIGHTS) < 3


def test_the_second_draw_is_by_weight_among_those_that_are_left():
    random, drawn = Random(2), urn(WEIGHTS)
    orders = [drawn.order(random.getrandbits(64)) for _ in range(100_000)]
    second = Counter(next(order).id for order in orders if next(order).id == "s11")
    rest = {name: weight for name, weight in WEIGHTS.items() if name != "s11"}
    assert chi_square_ratio(second, rest) < 3


def test_one_number_gives_one_order_on_every_node():
    assert ids(urn(WEIGHTS).order(2**63 + 5)) == ids(urn(WEIGHTS).order(2**63 + 5))


@pytest.mark.parametrize("number", [0, 1, 2**64 - 1])
def test_servers_that_draws_hardly_ever_meet_are_not_left_out(number):
    heavy = {"heavy": 256} | {f"s{index}": 1 for index in range(3)}
    assert sorted(ids(urn(heavy).order(number))) == sorted(heavy)


def test_an_order_is_drawn_as_far_as_it_is_asked_for():
    many = {f"s{index}": 1 for index in range(10_000)}
    order = urn(many).order(7)
    assert len({next(order).id for _ in range(3)}) == 3


def test_without_servers_there_is_nothing_to_draw():
    assert urn({}).first(3) is None
    assert ids(urn({}).order(3)) == []
