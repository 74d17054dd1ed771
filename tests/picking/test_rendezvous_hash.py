"""rendezvous_hash: shares by weight, and exactly the keys of a server that leaves move."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_lb.model.address import Address
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking import compile_policy
from cluster_lb.picking.hashing import hash_of
from cluster_lb.picking.rendezvous_hash import REMEMBERED, HighestWeight, RendezvousHash
from tests.doubles.candidates import candidates
from tests.doubles.hash_seeds import printed

numbers = st.integers(0, 2**64 - 1)
some_weights = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 256), min_size=2)
KEYS = [hash_of(b"key-%d" % number) for number in range(20_000)]


def picker(weights: dict[str, int]):
    return RendezvousHash(list(weights), list(weights.values())).bind(candidates(weights))


def winners(weights: dict[str, int], keys: list[int] = KEYS) -> list[str]:
    first = picker(weights).first
    return [first(key).id for key in keys]


def test_the_plan_is_of_the_eligible_servers_and_takes_no_tickets():
    servers = tuple(
        Server(name, Address("127.0.0.1", 9001), effective_weight=weight)
        for name, weight in [("a", 1), ("b", 0), ("c", 3)]
    )
    plan = compile_policy(Snapshot("web", 1, "rendezvous_hash", 0.5, servers))
    assert plan.period == 0
    assert {server.id for server in plan.bind(candidates("abc")).order(7)} == {"a", "c"}


def test_without_servers_there_is_nothing_to_pick():
    empty = picker({})
    assert empty.first(3) is None
    assert list(empty.order(3)) == []


@given(some_weights, numbers)
def test_an_order_begins_with_the_first_and_has_each_server_once(weights, number):
    chosen = picker(weights)
    order = list(chosen.order(number))
    assert order[0] is chosen.first(number)
    assert sorted(server.id for server in order) == sorted(weights)


@pytest.fixture
def asked(monkeypatch) -> list[int]:
    """The numbers for which all servers were asked."""
    numbers: list[int] = []
    ask = HighestWeight._ranks
    monkeypatch.setattr(
        HighestWeight, "_ranks", lambda self, number: (numbers.append(number), ask(self, number))[1]
    )
    return numbers


def test_for_a_key_that_comes_again_nobody_is_asked(asked):
    first = picker({"a": 1, "b": 2}).first
    assert [first(key) for key in KEYS[:9] * 3] == [first(key) for key in KEYS[:9]] * 3
    assert asked == KEYS[:9]


def test_a_flood_of_keys_is_forgotten_and_changes_no_winner(asked):
    chosen = picker({"a": 1, "b": 2})
    before = [chosen.first(key) for key in KEYS]
    assert len(chosen._winners) <= REMEMBERED < len(KEYS)
    assert [chosen.first(key) for key in KEYS] == before == [next(chosen.order(key)) for key in KEYS]
    assert asked == KEYS * 3


@given(some_weights, numbers)
def test_without_a_server_the_others_keep_their_order(weights, number):
    order = [server.id for server in picker(weights).order(number)]
    gone = order.pop(number % len(order))
    rest = {server_id: weight for server_id, weight in weights.items() if server_id != gone}
    assert [server.id for server in picker(rest).order(number)] == order


@given(some_weights, numbers, st.integers(2, 9))
def test_weights_count_only_in_relation_to_one_another(weights, number, times):
    heavier = {server_id: weight * times for server_id, weight in weights.items()}
    assert winners(weights, [number]) == winners(heavier, [number])


@pytest.mark.parametrize("weights", [[1] * 10, [1, 2, 3, 4], [256, 1]])
def test_shares_are_the_weights(weights):
    by_id = dict(zip("abcdefghij", weights, strict=False))
    count = Counter(winners(by_id))
    for server_id, weight in by_id.items():
        share = weight / sum(weights)
        assert abs(count[server_id] - len(KEYS) * share) < 5 * math.sqrt(len(KEYS) * share * (1 - share))


def test_a_greater_weight_draws_keys_from_the_others_alone():
    before, after = winners({"a": 2, "b": 1, "c": 1}), winners({"a": 2, "b": 1, "c": 3})
    moved = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert moved
    assert {new for _, new in moved} == {"c"}


@pytest.mark.parametrize("number", [0, 2**64 - 1])
def test_the_ends_of_the_range_are_keys_like_others(number):
    assert picker({"a": 1, "b": 200}).first(number) is not None


@pytest.mark.parametrize("draw", [0, 2**64 - 1])
def test_the_ends_of_a_draw_have_their_rank(monkeypatch, draw):
    monkeypatch.setattr("cluster_lb.picking.rendezvous_hash.hash_of", lambda key, seed=0: draw)
    assert picker({"a": 1, "b": 200}).first(1).id == ("a" if not draw else "b")


def test_processes_with_other_hash_seeds_pick_the_same():
    program = (
        "from types import SimpleNamespace as S;"
        "from cluster_lb.picking.rendezvous_hash import RendezvousHash as R;"
        "p = R('abcde', [1, 2, 3, 4, 5]).bind({i: S(id=i) for i in 'abcde'});"
        "print(''.join(p.first(n * 0x9E3779B97F4A7C15 % 2**64).id for n in range(500)))"
    )
    assert len(printed(program)) == 1
