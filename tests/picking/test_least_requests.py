"""least_requests: the fewest in flight for its weight, and no herd of nodes onto one server."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from cluster_lb.picking import reports
from cluster_lb.picking.least_requests import least_requests
from scripts.simulation.cluster import Cluster
from scripts.simulation.perfect import PERFECT
from scripts.simulation.scenario import Kind, Scenario
from tests.doubles.candidates import candidates
from tests.doubles.snapshots import weighted


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


# --- eight nodes, which hear of one another every quarter of a second, and 50 servers without a queue

SLOTS = 1000


def scenario(in_flight: int, **others: Any) -> Scenario:
    """`in_flight`: on each server, on average."""
    kinds = (Kind(slots=SLOTS),) * 50
    return Scenario("herd", "", servers=kinds, nodes=8, utilisation=in_flight / SLOTS, **others)


def worst(played: Scenario, policy: str) -> float:
    """What the fullest server has in flight, over all nodes, in the mean over the time."""
    return Cluster(played, policy, 1).run(6000).figures(0).worst


@pytest.mark.parametrize(
    ("in_flight", "mean_s", "split"),
    [(4, 0.02, 0), (4, 0.1, 0), (4, 1.0, 0), (10, 0.02, 0), (10, 0.1, 1.5)],
)
@pytest.mark.parametrize("slowness", [1, 5])
def test_nodes_do_not_herd_between_reports(in_flight, mean_s, split, slowness):
    """Against one balancer that knows everything at once; servers are alike, or one is slow."""
    played = scenario(in_flight, mean_s=mean_s, split=split)
    played = replace(played, servers=(Kind(slots=SLOTS, slowness=slowness), *played.servers[1:]))
    bound = 1.5 if slowness == 1 else 1.6
    assert worst(played, "least_requests") < bound * worst(replace(played, nodes=1), PERFECT)


def test_each_node_fills_the_servers_up_in_an_order_of_its_own(monkeypatch):
    played = scenario(4, mean_s=0.1)
    apart = worst(played, "least_requests")
    monkeypatch.setattr(reports, "tiebreaks", lambda count, place, elapsed_s: [0.0] * count)
    assert apart < 0.96 * worst(played, "least_requests")


def test_a_server_that_one_node_keeps_busy_is_avoided_by_all():
    played = scenario(10, mean_s=0.1)
    shares = {}
    for policy in ("least_requests", "weighted_round_robin"):
        cluster = Cluster(played, policy, 1)
        busy = cluster.servers[0].id
        cluster.nodes[0].seen[busy].load = 60
        cluster.run(6000)
        shares[policy] = 50 * cluster.picks[busy] / cluster.picks.total()
    assert shares["least_requests"] < 0.4
    assert shares["weighted_round_robin"] > 0.9
