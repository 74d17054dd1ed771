"""least_requests: the fewest in flight for its weight, and no herd of nodes onto one server."""

from __future__ import annotations

from collections import Counter

import pytest

from cluster_lb.picking import POLICIES
from cluster_lb.picking.least_requests import least_requests
from tests.doubles.candidates import candidates
from tests.doubles.fleet import Fleet
from tests.doubles.snapshots import weighted

LEAST, TURNS = POLICIES["least_requests"], POLICIES["weighted_round_robin"]


def bound(weights, **loads):
    live = candidates(weights)
    for server_id, load in loads.items():
        live[server_id].load = load
    return live, least_requests(weighted(weights)).bind(live)


def ids(servers):
    return "".join(server.id for server in servers)


def test_the_server_with_the_fewest_is_picked_whatever_the_ticket():
    _, picker = bound(dict.fromkeys("abcd", 1), a=3, b=1, c=2, d=4)
    assert {picker.first(ticket).id for ticket in range(100)} == {"b"}


def test_what_others_have_too_much_of_counts_as_load():
    live, picker = bound(dict.fromkeys("abcd", 1), a=1, b=1, c=1, d=1)
    live["b"].surplus = live["d"].surplus = 2
    assert {picker.first(ticket).id for ticket in range(100)} == {"a", "c"}


def test_equals_take_turns():
    _, picker = bound(dict.fromkeys("abc", 1))
    assert ids(picker.first(ticket) for ticket in range(6)) == "abcabc"


def test_equals_take_turns_by_weight():
    _, picker = bound({"a": 2, "b": 1, "c": 1})
    assert Counter(ids(picker.first(ticket) for ticket in range(400))) == {"a": 200, "b": 100, "c": 100}


def test_load_counts_by_weight():
    live, picker = bound({"a": 4, "b": 1}, a=7, b=2)
    assert picker.first(1).id == "a"
    live["a"].load = 9
    assert picker.first(0).id == "b"


def test_an_order_goes_from_the_fewest_on_in_a_small_pool():
    _, picker = bound(dict.fromkeys("abcde", 1), a=3, b=1, c=2, d=5, e=4)
    assert {ids(picker.order(ticket)) for ticket in range(50)} == {"bcaed"}


def test_requests_that_stay_are_level_in_a_large_pool():
    live, picker = bound({f"s{number}": 1 for number in range(320)})
    for ticket in range(3200):
        picker.first(ticket * 7).load += 1
    assert max(server.load for server in live.values()) <= 12


def test_heavier_servers_hold_more():
    live, picker = bound({f"s{number}": 1 + number % 4 for number in range(100)})
    for ticket in range(2500):
        picker.first(ticket).load += 1
    for number, server in enumerate(live.values()):
        assert abs(server.load - 10 * (1 + number % 4)) <= 2 * (1 + number % 4)


# --- eight nodes, which hear of one another every quarter of a second

EVEN, UNEVEN = [1] * 8, [20, 5, 3, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("in_flight", "service_s", "shares"),
    [(10, 0.02, EVEN), (20, 0.1, EVEN), (20, 1.0, EVEN), (10, 0.1, UNEVEN), (20, 1.0, UNEVEN)],
)
@pytest.mark.parametrize("slow", [1, 5])
def test_nodes_do_not_herd_between_reports(in_flight, service_s, shares, slow):
    """Against one balancer that knows everything at once, on servers that are much alike, and where one is
    slow. `in_flight`: on each server, on average."""
    traffic = {"rate": 50 * in_flight / service_s, "service_s": service_s, "slow": slow}
    until_s = 1.2 if service_s < 0.5 else 4.0
    perfect = Fleet(LEAST, [1], **traffic).run(until_s, 0.7)
    cluster = Fleet(LEAST, shares, **traffic).run(until_s, 0.7)
    assert cluster.worst < 1.5 * perfect.worst


def test_a_server_that_one_node_keeps_busy_is_avoided_by_all():
    traffic = {"rate": 5000, "service_s": 0.1, "stuck": 60}
    picks = Fleet(LEAST, EVEN, **traffic).run(1.5).picks
    assert picks["s0"] < 0.4 * sum(picks.values()) / 50
    assert Fleet(TURNS, EVEN, **traffic).run(1.5).picks["s0"] > 0.9 * sum(picks.values()) / 50
