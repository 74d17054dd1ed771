"""Zones over any policy: whose turn it is, where a retry goes, and what is exact."""

from __future__ import annotations

import random
from collections import Counter
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster_lb.model.address import Address
from cluster_lb.model.availability import Health
from cluster_lb.model.locality import Locality
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.model.verdict import Verdict
from cluster_lb.picking import POLICIES, Numbers, Picker, compile_policy
from cluster_lb.picking.zones import ZoneTurns
from tests.doubles.candidates import Candidate, candidates

DOWN = Verdict(Health.DOWN, "L4CON", (), epoch=1, at_ms=0)
BY_KEY = {name for name, policy in POLICIES.items() if policy.numbers is Numbers.KEY}
ZONED = sorted(set(POLICIES) - BY_KEY)


def pool(policy: str, *, zones_from: int = 2, **zones: int | list[int]) -> Snapshot:
    """Servers a0, a1, ... in zone a, and so on: so many, or of these weights."""
    servers = [
        Server(f"{zone}{number}", Address("h", 1), zone=zone, weight=weight, effective_weight=weight)
        for zone, weights in zones.items()
        for number, weight in enumerate([1] * weights if isinstance(weights, int) else weights)
    ]
    return Snapshot("web", 1, policy, 0.5, tuple(servers), zones_from=zones_from)


def picker(snapshot: Snapshot, zone: str, **nodes: int) -> Picker[Candidate]:
    live = candidates(server.id for server in snapshot.servers)
    return compile_policy(snapshot, Locality(zone, nodes)).bind(live)


def picks(of: Picker[Candidate], count: int, start: int = 0) -> list[str]:
    return [of.first(number).id for number in range(start, start + count)]


def ids(order) -> list[str]:
    return [server.id for server in order]


# --- where there is no preference


def test_where_all_servers_are_in_one_zone_tickets_index_one_rotation():
    assert compile_policy(pool("round_robin", a=6), Locality("b", {"a": 1, "b": 1})).period == 6


def test_in_panic_there_is_no_preference():
    whole = pool("round_robin", a=3, b=3)
    dead = Snapshot("web", 1, "round_robin", 0.5, tuple(_down(s) for s in whole.servers), zones_from=2)
    assert dead.panics
    assert compile_policy(dead, Locality("a", {"a": 1})).period == 6


def test_policies_by_key_know_no_zones():
    for policy in sorted(BY_KEY):
        snapshot = pool(policy, a=3, b=3)
        chosen = {picker(snapshot, zone, a=1, b=1).first(12345).id for zone in "ab"}
        assert len(chosen) == 1, policy


def _down(server: Server) -> Server:
    return Server(server.id, server.address, zone=server.zone, verdict=DOWN)


# --- shares


def test_all_stays_where_the_own_zone_suffices():
    near = picker(pool("round_robin", a=3, b=3), "a", a=1, b=1)
    assert picks(near, 6) == ["a0", "a1", "a2"] * 2


def test_what_is_too_much_for_the_own_zone_goes_to_the_others_in_their_turns():
    crowded = picker(pool("round_robin", a=2, b=4), "a", a=2, b=1)  # half stays
    counts = Counter(picks(crowded, 16))
    assert counts == {"a0": 4, "a1": 4, "b0": 2, "b1": 2, "b2": 2, "b3": 2}


def test_a_zone_without_a_server_that_takes_traffic_sends_all_elsewhere():
    snapshot = pool("round_robin", b=3, c=3)
    assert Counter(s[0] for s in picks(picker(snapshot, "a", a=1, b=1), 60)) == {"c": 60}


def test_weights_are_capacity_except_where_the_policy_knows_none():
    weighted = pool("weighted_round_robin", a=[1, 1], b=[3, 3])
    assert Counter(s[0] for s in picks(picker(weighted, "a", a=1, b=1), 64)) == {"a": 32, "b": 32}
    equal = pool("round_robin", a=[1, 1], b=[3, 3])
    assert Counter(s[0] for s in picks(picker(equal, "a", a=1, b=1), 64)) == {"a": 64}


def test_a_backup_that_serves_beside_primaries_of_its_zone_has_its_turns():
    servers = [
        Server("a0", Address("h", 1), zone="a"),
        Server("a1", Address("h", 1), zone="a", priority=1),
        Server("b0", Address("h", 1), zone="b", verdict=DOWN),
        Server("b1", Address("h", 1), zone="b", priority=1),
        Server("b2", Address("h", 1), zone="b", priority=2),
    ]
    snapshot = Snapshot("web", 1, "round_robin", 0.0, tuple(servers), backup_below=1.0, zones_from=2)
    assert set(picks(picker(snapshot, "a", a=1, b=1), 8)) == {"a0", "a1"}


zones = st.dictionaries(
    st.sampled_from("abcd"), st.lists(st.integers(1, 5), min_size=1, max_size=4), min_size=2
)
nodes = st.dictionaries(st.sampled_from("abcde"), st.integers(1, 4), min_size=1)


@settings(max_examples=50, deadline=None)
@given(zones, nodes, st.integers(0, 10**9))
def test_with_equal_traffic_every_server_gets_its_share_to_within_a_percent(weights, nodes, start):
    snapshot = pool("weighted_round_robin", zones_from=1, **weights)
    served: Counter[str] = Counter()
    each = 4000
    for zone, count in nodes.items():
        mine = Counter(picks(picker(snapshot, zone, **nodes), each, start))
        for server_id, picked in mine.items():
            served[server_id] += picked * count
    total, weight = each * sum(nodes.values()), sum(s.weight for s in snapshot.servers)
    for server in snapshot.servers:
        assert served[server.id] / total == pytest.approx(server.weight / weight, abs=0.01)


@settings(max_examples=50, deadline=None)
@given(zones, nodes, st.integers(0, 10**9), st.integers(1, 300))
def test_any_run_of_one_nodes_picks_is_even_in_each_zone(weights, nodes, start, length):
    snapshot = pool("weighted_round_robin", zones_from=1, **weights)
    own = sorted(nodes)[0]
    counts = Counter(picks(picker(snapshot, own, **nodes), length, start))
    for zone, of_zone in weights.items():
        there = sum(counts[f"{zone}{number}"] for number in range(len(of_zone)))
        for number, weight in enumerate(of_zone):
            assert abs(counts[f"{zone}{number}"] - there * weight / sum(of_zone)) < 2


def test_random_numbers_stay_random_in_every_bit_within_a_zone():
    numbers, turns = random.Random(7), ZoneTurns([1, 2], is_random=True)
    top, low = Counter(), Counter()
    for _ in range(12_000):
        zone, inner = turns.at(numbers.getrandbits(64))
        top[zone, inner >> 62] += 1
        low[zone, inner & 3] += 1
    for counts in (top, low):
        for zone, expected in ((0, 1000), (1, 2000)):
            assert [counts[zone, part] for part in range(4)] == pytest.approx([expected] * 4, rel=0.12)


# --- retries


def test_an_order_leaves_the_zone_with_its_third_server_and_comes_back():
    of = picker(pool("round_robin", a=4, b=3, c=3), "a", a=1, b=1, c=1)
    order = ids(of.order(0))
    assert order[0] == "a0"
    assert order[1][0] == "a"
    assert {server[0] for server in order[2:4]} == {"b", "c"}
    assert {server[0] for server in order[4:6]} == {"a"}
    assert len(order) == 10


def test_what_was_sent_elsewhere_comes_to_the_own_zone_third():
    of = picker(pool("round_robin", a=2, b=4), "a", a=2, b=1)
    spilled = next(number for number in range(4) if of.first(number).id[0] == "b")
    assert [server[0] for server in islice(ids(of.order(spilled)), 3)] == ["b", "b", "a"]


def test_retries_that_leave_the_zone_spread_over_all_servers_of_the_others():
    of = picker(pool("round_robin", a=4, b=2, c=4), "a", a=1)
    left = Counter(ids(of.order(number))[2] for number in range(1000) if of.first(number).id[0] == "a")
    assert len(left) == 6
    assert sum(count for server, count in left.items() if server[0] == "c") == pytest.approx(
        sum(left.values()) * 2 / 3, rel=0.05
    )


@pytest.mark.parametrize("policy", ZONED)
@settings(max_examples=30, deadline=None)
@given(zones, nodes, st.integers(0, 2**64 - 1))
def test_an_order_has_each_server_once_and_begins_with_the_first(policy, weights, nodes, number):
    snapshot = pool(policy, zones_from=1, **weights)
    of = picker(snapshot, sorted(nodes)[0], **nodes)
    order = ids(of.order(number))
    assert sorted(order) == sorted(server.id for server in snapshot.servers)
    assert order == ids(of.order(number))
    assert order[0] == of.first(number).id
