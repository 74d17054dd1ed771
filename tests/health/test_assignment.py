"""Who probes what: the same answer on every node, k probers a server, little movement."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_lb.health import assignment
from cluster_lb.health.assignment import Assignment, phase, probers

NODES = [f"lb-{i}" for i in range(50)]
SERVERS = [f"10.0.{i // 250}.{i % 250}:8000" for i in range(1000)]
MEMBER_SETS = st.sets(st.sampled_from(NODES[:12]))


@pytest.fixture(scope="module")
def duties() -> dict[str, Mapping[str, float]]:
    """For each of 50 nodes, as it works it out itself: the servers of 1,000 that it probes, and when."""
    fleet = [Assignment(node, "web", NODES) for node in NODES]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assignment, "probers", lru_cache(maxsize=None)(probers))  # pure: 50 times the same
        for member in fleet:
            member.update_servers(SERVERS, 3)
    return {node: member.mine() for node, member in zip(NODES, fleet, strict=True)}


def test_each_of_1000_servers_has_exactly_3_probers_among_50_members(duties) -> None:
    assert Counter(server for mine in duties.values() for server in mine) == dict.fromkeys(SERVERS, 3)


def test_the_members_share_the_work(duties) -> None:
    counts = [len(mine) for mine in duties.values()]
    assert 30 <= min(counts)  # 60 each on average
    assert max(counts) <= 90


def test_the_probers_of_a_server_are_a_third_of_the_interval_apart(duties) -> None:
    for server in SERVERS:
        phases = sorted(mine[server] for mine in duties.values() if server in mine)
        gaps = [phases[1] - phases[0], phases[2] - phases[1], 1 + phases[0] - phases[2]]
        assert gaps == pytest.approx([1 / 3] * 3)


def test_1000_servers_on_one_node_spread_over_the_interval() -> None:
    alone = Assignment("lb-0", "web")
    alone.update_servers(SERVERS, 3)
    tenths = Counter(int(at * 10) for at in alone.mine().values())
    assert all(60 <= tenths[i] <= 140 for i in range(10))  # 100 each on average


def test_a_node_that_knows_no_members_probes_every_server() -> None:
    alone = Assignment("lb-0", "web")
    alone.update_servers(SERVERS[:20], 3)
    assert set(alone.mine()) == set(SERVERS[:20])


def test_a_node_that_is_missing_among_the_members_counts_itself() -> None:
    here = Assignment("lb-9", "web", ["lb-0", "lb-1"])
    here.update_servers(["a"], 3)
    assert set(here.probers_of("a")) == {"lb-0", "lb-1", "lb-9"}


def test_the_same_server_in_two_pools_may_have_other_probers() -> None:
    answers = set()
    for pool in ("web", "api", "static", "mail"):
        here = Assignment("lb-0", pool, NODES)
        here.update_servers(["a"], 3)
        answers.add(here.probers_of("a"))
    assert len(answers) == 4


def test_another_process_gives_the_same_answer() -> None:
    code = (
        "from cluster_lb.health.assignment import phase, probers;"
        "print(*probers('web/a', ['x', 'y', 'z', 'w'], 3), phase('web/a', 1, 3))"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert there.split() == [*probers("web/a", ["w", "z", "y", "x"], 3), str(phase("web/a", 1, 3))]


@given(MEMBER_SETS, st.integers(1, 5))
def test_a_server_has_min_of_k_and_members_probers(members: set[str], k: int) -> None:
    who = probers("web/a", members, k)
    assert len(who) == len(set(who)) == min(k, len(members))
    assert set(who) <= members


@given(MEMBER_SETS.filter(lambda m: len(m) > 1), st.integers(1, 5), st.data())
def test_only_the_duties_of_a_member_that_left_move(members: set[str], k: int, data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(sorted(members)))
    for server in SERVERS[:30]:
        before, after = probers(server, members, k), probers(server, members - {gone}, k)
        assert [node for node in before if node != gone] == list(after[: len(before) - (gone in before)])
        assert len(set(after) - set(before)) <= (gone in before)


@given(st.lists(MEMBER_SETS, max_size=6), st.integers(1, 5))
def test_changes_of_members_lead_to_what_a_fresh_computation_gives(changes: list[set[str]], k: int) -> None:
    here = Assignment("lb-0", "web")
    here.update_servers(SERVERS[:20], k)
    for members in changes:
        here.update_members(members)
        for server in SERVERS[:20]:
            assert here.probers_of(server) == probers(f"web/{server}", {"lb-0", *members}, k)


def test_another_number_of_probers_is_computed_anew() -> None:
    here = Assignment("lb-0", "web", NODES)
    here.update_servers(["a"], 3)
    here.update_servers(["a"], 5)
    assert len(here.probers_of("a")) == 5


def test_a_server_that_left_is_forgotten() -> None:
    here = Assignment("lb-0", "web")
    here.update_servers(["a", "b"], 3)
    here.update_servers(["b"], 3)
    assert list(here.mine()) == ["b"]
