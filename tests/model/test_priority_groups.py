"""Which priority groups serve: the truth table row by row, and what counts as a primary that is there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_lb.model.address import Address
from cluster_lb.model.availability import AdminState, Availability, Health, ServerState
from cluster_lb.model.priority_groups import Serving, serving_groups
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.model.verdict import Verdict

DOWN = Verdict(Health.DOWN, "L4CON", (), epoch=1, at_ms=0)
STATES = {
    "up": {},
    "down": {"verdict": DOWN},
    "drain": {"admin_state": AdminState.DRAIN},
    "maint": {"admin_state": AdminState.MAINT},
    "zero": {"weight": 0, "effective_weight": 0},
    "busy": {"state": ServerState.BUSY},
    "says drain": {"state": ServerState.DRAIN},
    "says down": {"state": ServerState.DOWN},
}
PRIMARIES, PANIC = Serving(0, False, False), True


def group(priority: int, *states: str, **more: int) -> list[Server]:
    return [
        Server(f"{priority}-{number}", Address("h", 1), priority=priority, **{**more, **STATES[state]})
        for number, state in enumerate(states)
    ]


def backups(up_to: int, *, panics: bool = False) -> Serving:
    return Serving(up_to, True, panics)


# --- rows of the table: backup_below 0.5, panic_threshold 0.25 unless told


@pytest.mark.parametrize(
    ("row", "primaries", "first_backups", "second_backups", "expected"),
    [
        ("nobody accepts: the next group joins", ["down"], ["up"], ["up"], backups(1)),
        ("nobody in two groups: the third joins", ["down"], ["maint"], ["up"], backups(2)),
        ("too small a share: the next group joins", ["up", "down", "down"], ["up"], ["up"], backups(1)),
        ("too small with the first: the second too", ["up", *["down"] * 7], ["up"], ["up"], backups(2)),
        ("enough, no panic: they serve", ["up", "down"], ["up"], ["up"], PRIMARIES),
        ("not enough in all groups: those that accept", ["up", *["down"] * 3], ["drain"], [], backups(1)),
        ("nobody at all is wanted: no panic", ["maint"], ["drain"], [], backups(1)),
        ("busy ones accept", ["busy", "busy"], ["up"], [], PRIMARIES),
        (
            "what says itself that it is out: the next joins",
            ["says drain", "says down"],
            ["up"],
            [],
            backups(1),
        ),
        ("what says itself that it is out: no panic", ["up", *["says down"] * 7], ["drain"], [], backups(1)),
        (
            "panic over all groups: health is ignored",
            ["down"] * 8,
            ["up"],
            ["down"],
            backups(2, panics=PANIC),
        ),
    ],
)
def test_each_row(row, primaries, first_backups, second_backups, expected):
    servers = group(0, *primaries) + group(1, *first_backups) + group(2, *second_backups)
    assert serving_groups(servers, 0.5, 0.25) == expected, row


def test_before_health_is_ignored_backups_join_even_with_a_share_that_would_do():
    servers = group(0, "up", "down", "down", "down") + group(1, "up")
    assert serving_groups(servers, 0.25, 0.5) == backups(1)
    assert serving_groups(servers[:4], 0.25, 0.5) == Serving(0, False, PANIC)


def test_dead_backups_cause_no_panic():
    servers = group(0, "up", "up", "down") + group(1, *["down"] * 10)
    assert serving_groups(servers, 0.8, 0.5) == backups(1)


# --- what counts


def test_with_a_share_of_0_backups_wait_until_no_primary_is_left():
    assert serving_groups(group(0, "up", *["down"] * 9) + group(1, "up"), 0.0, 0.0) == PRIMARIES
    assert serving_groups(group(0, *["down"] * 10) + group(1, "up"), 0.0, 0.0) == backups(1)


@pytest.mark.parametrize("away", ["down", "drain", "maint"])
def test_a_primary_that_takes_nothing_is_missing_whatever_the_reason(away):
    assert serving_groups(group(0, "up", away) + group(1, "up"), 0.6, 0.0) == backups(1)
    assert serving_groups(group(0, "up", away) + group(1, "up"), 0.5, 0.0) == PRIMARIES


def test_a_primary_of_weight_0_is_not_missing():
    assert serving_groups(group(0, "up", "zero") + group(1, "up"), 1.0, 0.0) == PRIMARIES


def test_primaries_count_by_weight():
    large, small = group(0, "down", weight=9), [Server("s", Address("h", 1), weight=1)]
    assert serving_groups(large + small + group(1, "up"), 0.5, 0.0) == backups(1)


def test_a_warming_server_counts_with_its_whole_weight():
    warming = [Server("w", Address("h", 1), weight=10, effective_weight=1)]
    assert serving_groups(warming + group(1, "up"), 0.9, 0.0) == PRIMARIES


def test_where_all_primaries_are_in_maintenance_the_backups_panic_among_themselves():
    servers = group(0, "maint") + group(1, "up", "down", "down")
    assert serving_groups(servers, 0.0, 0.5) == backups(1, panics=PANIC)


def test_the_lowest_group_there_is_are_the_primaries():
    assert serving_groups(group(3, "up") + group(5, "up"), 0.0, 0.5) == Serving(3, False, False)
    assert serving_groups([], 0.5, 0.5) == Serving()


# --- in a snapshot


def snapshot(*servers: Server, backup_below: float = 0.0, panic_threshold: float = 0.5) -> Snapshot:
    return Snapshot("web", 1, "round_robin", panic_threshold, servers, backup_below)


def ids(of: Snapshot) -> list[str]:
    return [server.id for server in of.eligible]


def test_only_serving_groups_are_eligible():
    assert ids(snapshot(*group(0, "up"), *group(1, "up"))) == ["0-0"]
    joined = snapshot(*group(0, "up", "down"), *group(1, "up"), *group(2, "up"), backup_below=0.6)
    assert ids(joined) == ["0-0", "1-0"]


def test_in_panic_every_ready_server_with_a_weight_is_eligible_of_whatever_group():
    servers = *group(0, "down", "down", "drain", "zero"), *group(1, "down"), *group(2, "maint")
    assert ids(snapshot(*servers)) == ["0-0", "0-1", "1-0"]


def test_in_a_part_of_a_pool_all_are_eligible_backups_too():
    whole = snapshot(*group(0, "down", "down"), *group(1, "up"), *group(2, "up"), backup_below=1.0)
    assert ids(whole) == ["1-0", "2-0"]
    assert ids(whole.part(whole.eligible)) == ["1-0", "2-0"]
    assert ids(whole.part(whole.eligible[1:])) == ["2-0"]


servers = st.builds(
    lambda index, priority, weight, state: Server(
        f"s{index}",
        Address("h", 1),
        priority=priority,
        **{"weight": weight, "effective_weight": weight, **STATES[state]},
    ),
    st.integers(0, 10**9),
    st.integers(0, 3),
    st.integers(1, 5),
    st.sampled_from(sorted(STATES)),
)


@given(st.lists(servers), st.floats(0, 1), st.floats(0, 1))
def test_somebody_serves_where_anybody_accepts_and_a_panic_is_all_hands(pool, backup_below, panic_threshold):
    shown = snapshot(*pool, backup_below=backup_below, panic_threshold=panic_threshold)
    accepting = [server for server in pool if server.availability is Availability.ACCEPTS]
    assert bool(shown.eligible) or not accepting
    if shown.panics:
        assert {s.id for s in accepting} <= {s.id for s in shown.eligible}
    assert all(s.priority <= shown.serving.priority for s in shown.eligible)
