"""consistent_hash: a key keeps its server; where loads are bounded it leaves it only when it is full."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster_lb.model.address import Address
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking import compile_policy, goes_by_load
from cluster_lb.picking.consistent_hash import ConsistentHash, SlotPicker
from cluster_lb.picking.hashing import hash_of
from cluster_lb.picking.slots import SLOTS
from tests.doubles.candidates import Candidate, candidates

IDS = "abcde"
PLAN = ConsistentHash(IDS, [1, 1, 1, 2, 5])
BOUNDED = ConsistentHash(IDS, [1, 1, 1, 2, 5], 1.25)
numbers = st.integers(0, 2**64 - 1)


def snapshot(factor: float = 0.0) -> Snapshot:
    servers = tuple(
        Server(name, Address("127.0.0.1", 9001), effective_weight=weight)
        for name, weight in [("a", 1), ("b", 0), ("c", 3)]
    )
    return Snapshot("web", 1, "consistent_hash", 0.5, servers, balance_factor=factor)


def test_the_plan_is_of_the_eligible_servers_and_takes_no_tickets():
    plan = compile_policy(snapshot())
    picker = plan.bind(candidates("abc"))
    assert plan.period == 0
    assert picker.turns == ()
    assert {server.id for server in picker.order(7)} == {"a", "c"}


def test_without_servers_there_is_nothing_to_pick():
    for factor in (0.0, 1.25):
        picker = ConsistentHash([], [], factor).bind({})
        assert picker.first(3) is None
        assert list(picker.order(3)) == []


@pytest.mark.parametrize("plan", [PLAN, BOUNDED])
@given(number=numbers)
def test_an_order_begins_with_the_first_and_has_each_server_once(plan, number):
    picker = plan.bind(candidates(IDS))
    order = list(picker.order(number))
    assert order[0] is picker.first(number)
    assert sorted(server.id for server in order) == list(IDS)


@given(numbers)
def test_a_retry_walks_the_table_from_the_keys_slot_on(number):
    picker = PLAN.bind(candidates(IDS))
    order = [server.id for server in picker.order(number)]
    first_slots = [picker.first(number + step).id for step in range(200)]
    assert order == list(dict.fromkeys(first_slots))


def test_a_server_that_has_no_slot_comes_last():
    ids = [f"web-{number:05}" for number in range(300)]
    light = ids[0]
    plan = ConsistentHash(ids, [1] + [256] * 299)
    picker = plan.bind(candidates(ids))
    assert all(picker.first(slot).id != light for slot in range(SLOTS))
    assert [server.id for server in picker.order(5)][-1] == light


def test_only_with_a_factor_it_goes_by_load():
    assert not goes_by_load(snapshot())
    assert goes_by_load(snapshot(1.25))


def most(count: int, weight: int, total: int, factor: float) -> int:
    """What a server of that weight may have of `count` in flight."""
    return math.ceil(round(factor * count * weight / total, 9))


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 2**32),
    keys=st.sampled_from([1, 3, 50, 10_000]),
    factor=st.sampled_from([1.25, 2.0]),
    ends=st.sampled_from([0.0, 0.3, 0.49]),
)
def test_no_server_is_ever_given_more_than_the_factor_of_the_mean(seed, keys, factor, ends):
    random, weights = Random(seed), dict(zip(IDS, [1, 1, 1, 2, 5], strict=True))
    live = candidates(IDS)
    picker = _bounded(factor).bind(live)
    under_way: list[Candidate] = []
    for _ in range(400):
        if under_way and random.random() < ends:
            under_way.pop(random.randrange(len(under_way))).load -= 1
            continue
        server = picker.first(hash_of(b"%d" % random.randrange(keys)))
        server.load += 1
        under_way.append(server)
        assert server.load <= most(len(under_way), weights[server.id], 10, factor)


_PLANS = {factor: ConsistentHash(IDS, [1, 1, 1, 2, 5], factor) for factor in (1.25, 2.0)}


def _bounded(factor: float) -> ConsistentHash:
    return _PLANS[factor]


def test_a_key_keeps_its_server_while_that_has_room():
    live = candidates(IDS)
    picker, free = BOUNDED.bind(live), PLAN.bind(candidates(IDS))
    for server in live.values():
        server.load = 10  # evenly
    live["e"].load = 50
    live["d"].load = 20
    for number in range(0, SLOTS, 97):
        assert picker.first(number).id == free.first(number).id


def test_overflow_goes_to_the_next_of_the_table_and_comes_back():
    live = candidates(IDS)
    picker = BOUNDED.bind(live)
    number = next(n for n in range(SLOTS) if PLAN.bind(live).first(n).id == "a")
    following = [server.id for server in PLAN.bind(live).order(number)]
    live["a"].load = 4
    assert picker.first(number).id == following[1]
    assert [server.id for server in picker.order(number)] == [*following[1:], "a"]
    live["a"].load = 0
    assert picker.first(number).id == "a"


def test_what_other_nodes_leave_a_node_may_use_beyond_its_own_part():
    live = candidates(IDS)
    picker = BOUNDED.bind(live)
    number = next(n for n in range(SLOTS) if PLAN.bind(live).first(n).id == "a")
    live["a"].load, live["a"].leeway = 4, 4.5
    assert picker.first(number).id == next(picker.order(number)).id == "a"
    live["a"].leeway = 4.0
    assert picker.first(number).id == next(picker.order(number)).id != "a"


class Slots:
    """All of them are the first server's. Counts how often one is looked at."""

    looks = 0

    def __getitem__(self, slot: int) -> int:
        self.looks += 1
        return 0


def test_an_order_to_its_end_costs_no_walk_through_the_whole_table():
    slots = Slots()
    servers = list(candidates(f"s{number}" for number in range(100)).values())
    order = list(SlotPicker(slots, servers).order(5))
    assert order[0] is servers[0]
    assert sorted(order, key=servers.index) == servers
    assert slots.looks <= 8 * len(servers)
