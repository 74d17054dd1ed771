"""What picks make of the other nodes' reports, by policy."""

from __future__ import annotations

import pytest

from cluster_lb.model.place import Place
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking.reports import Reports
from cluster_lb.picking.tiebreaks import TURN_S, tiebreaks
from tests.doubles.candidates import candidates
from tests.doubles.snapshots import weighted

FOUR = dict.fromkeys("abcd", 1)


def heard(policy: str, place: Place, elsewhere: dict[str, int], *later_s: float, factor: float = 0.0, load=0):
    """The servers after these reports, the first one at 100 s."""
    live = candidates(FOUR)
    for server in live.values():
        server.load = load
    reports = Reports(with_factor(weighted(FOUR, policy), factor), live)
    for at_s in (0.0, *later_s):
        reports.hear(place, elsewhere, 100.0 + at_s)
    return live.values()


def with_factor(snapshot: Snapshot, factor: float) -> Snapshot:
    return Snapshot(snapshot.pool, 1, snapshot.policy, 0.5, snapshot.servers, balance_factor=factor)


def test_a_report_replaces_the_one_before():
    live = candidates("ab")
    reports = Reports(weighted(dict.fromkeys("ab", 1), "two_choices"), live)
    reports.hear(Place(0, 2), {"a": 4, "gone": 9}, 0.0)
    assert [(one.elsewhere, one.surplus) for one in live.values()] == [(4, 2), (0, 0)]
    reports.hear(Place(0, 2), {"b": 1}, 0.0)
    assert [(one.elsewhere, one.surplus) for one in live.values()] == [(0, 0), (1, 0)]


def test_what_takes_tickets_breaks_ties_by_the_nodes_own_order_while_the_pool_is_busy():
    servers = heard("least_requests", Place(1, 2), dict.fromkeys("abcd", 1))
    assert [one.surplus for one in servers] == tiebreaks(4, Place(1, 2), 0.0)


def test_the_order_turns_from_when_the_nodes_were_as_they_are():
    servers = heard("least_requests", Place(1, 2), dict.fromkeys("abcd", 1), TURN_S / 10)
    assert [one.surplus for one in servers] == pytest.approx(tiebreaks(4, Place(1, 2), TURN_S / 10))


@pytest.mark.parametrize(
    ("policy", "place", "elsewhere"),
    [
        ("least_requests", Place(0, 2), {"a": 1, "b": 1, "c": 1}),  # nearly idle
        ("least_requests", Place(0, 1), {}),
        ("two_choices", Place(0, 2), dict.fromkeys("abcd", 9)),
    ],
)
def test_else_equals_stay_equals(policy, place, elsewhere):
    load = 5 if place.nodes == 1 else 0
    assert {one.surplus for one in heard(policy, place, elsewhere, load=load)} == {0}


def test_where_loads_are_bounded_each_server_has_a_leeway():
    # 16 in flight, so a server takes 1.25 * 17 / 4 = 5.3; b has room for 4.3, of which this node has half.
    servers = heard("consistent_hash", Place(0, 2), {"a": 7, "c": 2, "d": 3}, factor=1.25, load=1)
    assert [one.leeway for one in servers] == pytest.approx(
        [1 - 2.6875 / 2, 1 + 4.3125 / 2, 1 + 2.3125 / 2, 1 + 1.3125 / 2]
    )
    assert {one.surplus for one in servers} == {0}


def test_where_they_are_not_there_is_none():
    assert {one.leeway for one in heard("consistent_hash", Place(0, 2), {"a": 7})} == {0}
