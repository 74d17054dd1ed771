"""The table of slots: fair shares, and nothing moves but what has to."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster_lb.picking.slots import SLOTS, build_slots, preferences
from tests.doubles.hash_seeds import printed

few = settings(max_examples=3, deadline=None)  # each builds tables of 65,536 slots
some_weights = st.dictionaries(
    st.from_regex(r"[a-z0-9.-]{1,12}", fullmatch=True), st.integers(1, 256), min_size=2
)


def owners(weights: dict[str, int]) -> list[str]:
    """The id of each slot's server."""
    return _owners(tuple(sorted(weights.items())))


@cache
def _owners(weights: tuple[tuple[str, int], ...]) -> list[str]:
    ids = [server_id for server_id, _ in weights]
    return [ids[index] for index in build_slots(ids, [weight for _, weight in weights])]


def equal(count: int) -> dict[str, int]:
    return {f"web-{number}": 1 for number in range(count)}


def moves(before: Sequence[str], after: Sequence[str]) -> list[tuple[str, str]]:
    return [(old, new) for old, new in zip(before, after, strict=True) if old != new]


def plainly(weights: dict[str, int]) -> list[str]:
    """The race as it is told: the earliest place that names a slot wins, of equal ones the first server's."""
    total = sum(weights.values())
    firsts = [(math.inf, "")] * SLOTS
    for server_id, weight in sorted(weights.items()):
        for place, slot in enumerate(preferences(server_id.encode(), 20 * SLOTS * weight // total), 1):
            firsts[slot] = min(firsts[slot], (place / weight, server_id))
    return [server_id for _, server_id in firsts]


def test_without_servers_there_is_no_table():
    assert len(build_slots([], [])) == 0


def test_a_single_server_has_every_slot():
    assert set(owners({"a": 7})) == {"a"}


@few
@given(some_weights)
def test_each_slot_is_that_of_the_server_whose_list_comes_to_it_first(weights):
    assert owners(weights) == plainly(weights)


@pytest.mark.parametrize(
    "weights",
    [
        {"a": 1, "b": 1},
        {"late-105": 1, "web": 1},  # their last slot comes when each slot could have been named 14 times
        {f"web-{number}": 1 for number in range(1000)},  # many come to a slot at the same time
        {f"web-{number}": 1 + number % 4 for number in range(300)},
        {"light": 1} | {f"web-{number}": 256 for number in range(600)},
    ],
    ids=["two", "late", "equal", "unlike", "light"],
)
def test_neither_ties_nor_late_or_light_ones_change_who_was_first(weights):
    assert owners(weights) == plainly(weights)


@few
@given(some_weights)
def test_only_the_slots_of_a_server_that_leaves_move(weights):
    before = owners(weights)
    gone = min(weights)
    rest = {server_id: weight for server_id, weight in weights.items() if server_id != gone}
    moved = moves(before, owners(rest))
    assert {old for old, _ in moved} <= {gone}
    assert len(moved) == before.count(gone)


@few
@given(some_weights, st.integers(1, 256))
def test_a_changed_weight_moves_slots_to_or_from_that_server_alone(weights, weight):
    changed = min(weights)
    grows = weight > weights[changed]
    moved = moves(owners(weights), owners(weights | {changed: weight}))
    assert all((new if grows else old) == changed for old, new in moved)


@few
@given(some_weights)
def test_a_share_is_the_weights_within_six_standard_deviations(weights):
    count, total = Counter(owners(weights)), sum(weights.values())
    for server_id, weight in weights.items():
        expected = SLOTS * weight / total
        assert abs(count[server_id] - expected) < 6 * math.sqrt(expected) + 6


@pytest.mark.parametrize("servers", [2, 10, 100, 655])
def test_shares_of_equal_servers_scatter_as_documented(servers):
    count = Counter(owners(equal(servers)))
    mean = SLOTS / servers
    deviation = math.sqrt(sum((count[name] - mean) ** 2 for name in equal(servers)) / servers) / mean
    assert deviation < 1.5 * math.sqrt(servers / (2 * SLOTS))


@pytest.mark.parametrize("servers", [2, 5, 10, 50, 100, 300, 655])
def test_one_server_more_or_less_moves_at_most_1_3_of_its_share(servers):
    before = owners(equal(servers))
    for gone in (0, servers - 1):
        rest = equal(servers)
        del rest[f"web-{gone}"]
        assert len(moves(before, owners(rest))) <= 1.3 * SLOTS / servers


def test_a_longer_list_begins_as_the_shorter_one_and_comes_to_every_slot():
    long = preferences(b"a", 20 * SLOTS)
    assert long[:5] == preferences(b"a", 5)
    assert set(long) == set(range(SLOTS))


def test_lists_are_what_they_always_were():
    # nodes of different versions serve one cluster
    assert list(preferences(b"web-1", 4)) == [2454, 39703, 55655, 20254]
    assert Counter(owners({"a": 1, "b": 2, "c": 3})) == {"a": 10999, "b": 21972, "c": 32565}


def test_processes_with_other_hash_seeds_build_the_same_table():
    program = (
        "import hashlib; from cluster_lb.picking.slots import build_slots;"
        "ids = sorted({f'web-{n}' for n in range(30)});"
        "print(hashlib.sha256(build_slots(ids, range(1, 31)).tobytes()).hexdigest())"
    )
    assert len(printed(program)) == 1
