"""two_choices: two drawn by weight, the less loaded one is taken."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from cluster_lb.picking.two_choices import two_choices
from tests.doubles.candidates import candidates
from tests.doubles.snapshots import weighted
from tests.picking.distributions import chi_square_ratio

WEIGHTS = {f"s{number}": 1 + number * 20 for number in range(12)}


def bound(weights):
    live = candidates(weights)
    return live, two_choices(weighted(weights)).bind(live)


def numbers(count):
    bits = Random(5)
    return [bits.getrandbits(64) for _ in range(count)]


def test_an_idle_pool_is_shared_by_weight():
    _, picker = bound(WEIGHTS)
    counts = Counter(picker.first(number).id for number in numbers(50_000))
    assert chi_square_ratio(counts, WEIGHTS) < 3


@pytest.mark.parametrize("what", ["load", "surplus"])
def test_the_most_loaded_server_is_taken_only_where_both_draws_are_it(what):
    live, picker = bound(dict.fromkeys("abcde", 1))
    for server in live.values():
        server.load = 1
    setattr(live["c"], what, 50)
    counts = Counter(picker.first(number).id for number in numbers(2000))
    assert counts["c"] <= 5
    assert len(counts) >= 4


def test_load_counts_by_weight():
    live, picker = bound({"heavy": 4, "light": 1})
    live["heavy"].load, live["light"].load = 7, 2
    assert {picker.first(number).id for number in numbers(50)} >= {"heavy"}
    live["heavy"].load = 9
    assert Counter(picker.first(number).id for number in numbers(500))["light"] > 250


def test_requests_that_stay_are_level():
    random = Random(6)
    live, picker = bound({f"s{number}": 1 for number in range(50)})
    for _ in range(50 * 20):
        picker.first(random.getrandbits(64)).load += 1
    assert max(server.load for server in live.values()) <= 23  # by one random choice it is 32 and more


def test_an_order_has_the_better_of_the_two_first_and_the_other_next():
    live, picker = bound(dict.fromkeys("abcdef", 1))
    for load, server in enumerate(live.values(), 1):
        server.load = load
    for number in numbers(200):
        order = list(picker.order(number))
        assert sorted(server.id for server in order) == sorted(live)
        assert order[0] is picker.first(number)
        assert order[0].load < order[1].load
