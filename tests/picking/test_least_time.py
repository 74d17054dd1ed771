"""least_time: the quickest for what it has in flight, among those that are not hot."""

from __future__ import annotations

from collections import Counter

import pytest

from cluster_lb.picking.least_time import least_time
from cluster_lb.picking.mixing import mixed
from tests.doubles.candidates import candidates
from tests.doubles.snapshots import weighted

NUMBERS = [mixed(number) for number in range(300)]


def bound(weights, **latencies):
    live = candidates(weights)
    for server_id, latency_s in latencies.items():
        live[server_id].latency_s = latency_s
    return live, least_time(weighted(weights)).bind(live)


def picked(picker):
    return {picker.first(number).id for number in NUMBERS}


def test_the_quickest_is_picked_whatever_the_number():
    _, picker = bound(dict.fromkeys("abcd", 1), a=0.3, b=0.1, c=0.2, d=0.4)
    assert picked(picker) == {"b"}


def test_what_is_in_flight_makes_a_server_slower():
    live, picker = bound(dict.fromkeys("abcd", 1), a=0.3, b=0.1, c=0.3, d=0.4)
    live["b"].load, live["d"].load = 3, 5
    assert picked(picker) == {"a", "c"}
    live["b"].load, live["c"].surplus = 1, 1
    assert picked(picker) == {"b"}


def test_the_heavier_of_two_holds_more():
    live, picker = bound({"a": 4, "b": 1}, a=0.1, b=0.1)
    for number in NUMBERS:
        picker.first(number).load += 1
    assert 3.8 < live["a"].load / live["b"].load < 4.2


def test_a_hot_server_is_left_out_however_quick():
    live, picker = bound(dict.fromkeys("abcde", 1), a=0.0001, b=0.1, c=0.1, d=0.1, e=0.1)
    live["a"].load = 6
    for name in "bcde":
        live[name].load = 3
    assert "a" not in picked(picker)
    live["a"].load = 3
    assert picked(picker) == {"a"}


def test_where_all_have_the_same_in_flight_none_is_hot():
    _, picker = bound(dict.fromkeys("abc", 1), a=0.1, b=0.1, c=0.1)
    assert picked(picker) == {"a", "b", "c"}


def test_an_unknown_server_gets_one_request_to_find_out():
    live, picker = bound(dict.fromkeys("abcd", 1), a=0.1, b=0.1, c=0.1)
    assert picked(picker) == {"d"}
    live["d"].load = 1
    assert picked(picker) <= {"a", "b", "c"}


def test_of_servers_that_are_all_unknown_each_has_its_turns():
    live, picker = bound(dict.fromkeys("abcd", 1))
    counts = Counter(picker.first(number).id for number in NUMBERS)
    assert min(counts.values()) > 40
    for number in NUMBERS[:4]:
        picker.first(number).load += 1
    assert [server.load for server in live.values()] == [1, 1, 1, 1]
    assert picker.first(7) is not None


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 9, 60])
def test_an_order_has_the_hot_ones_of_the_few_last(size):
    live, picker = bound({f"s{number}": 1 for number in range(size)})
    for number, server in enumerate(live.values()):
        server.load, server.latency_s = number, 0.1 + number % 5
    for number in NUMBERS[:50]:
        order = list(picker.order(number))
        assert sorted(server.id for server in order) == sorted(live)
        assert order[0] is picker.first(number)
        few = order[: min(size, 5)]
        assert len(few) < 5 or max(server.load for server in few) == few[-1].load
