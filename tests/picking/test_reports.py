"""What picks make of the other nodes' reports, by policy."""

from __future__ import annotations

import pytest

from cluster_lb.model.place import Place
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking.reports import Reports
from cluster_lb.picking.tiebreaks import TURN_S, tiebreaks
from tests.doubles.candidates import candidates
from tests.doubles.snapshots import weighted

FOUR, TEN = dict.fromkeys("abcd", 1), dict.fromkeys("abcdefghij", 1)


def heard(
    policy: str,
    place: Place,
    elsewhere: dict[str, int],
    *later_s: float,
    factor: float = 0.0,
    load=0,
    ids=FOUR,
):
    """The servers after these reports, the first one at 100 s."""
    live = candidates(ids)
    for server in live.values():
        server.load = load
    reports = Reports(with_factor(weighted(ids, policy), factor), live)
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
    servers = heard("least_requests", Place(1, 2), TEN, ids=TEN)
    assert [one.surplus for one in servers] == tiebreaks(10, Place(1, 2), 0.0)


def test_of_what_is_too_much_a_part_of_a_request_counts_half_then():
    servers = heard("least_requests", Place(0, 2), {**TEN, "a": 6}, ids=TEN)
    assert next(iter(servers)).surplus == 2.25  # half of five: 2.5


def test_the_order_turns_from_when_the_nodes_were_as_they_are():
    servers = heard("least_requests", Place(1, 2), TEN, TURN_S / 10, ids=TEN)
    assert [one.surplus for one in servers] == pytest.approx(tiebreaks(10, Place(1, 2), TURN_S / 10))


@pytest.mark.parametrize(
    ("policy", "place", "elsewhere"),
    [
        ("least_requests", Place(0, 2), dict.fromkeys("abcdefghi", 1)),  # nearly idle
        ("least_requests", Place(0, 1), {}),
        ("two_choices", Place(0, 2), dict.fromkeys(TEN, 9)),
    ],
)
def test_else_equals_stay_equals(policy, place, elsewhere):
    load = 5 if place.nodes == 1 else 0
    assert {one.surplus for one in heard(policy, place, elsewhere, load=load, ids=TEN)} == {0}


def test_a_small_pool_is_shared_by_tickets_however_busy():
    assert {one.surplus for one in heard("least_requests", Place(0, 2), dict.fromkeys("abcd", 9))} == {0}


def test_where_loads_are_bounded_each_server_has_a_leeway():
    # 16 in flight, so a server takes 1.25 * 17 / 4 = 5.3; b has room for 4.3, of which this node has half.
    servers = heard("consistent_hash", Place(0, 2), {"a": 7, "c": 2, "d": 3}, factor=1.25, load=1)
    assert [one.leeway for one in servers] == pytest.approx(
        [1 - 2.6875 / 2, 1 + 4.3125 / 2, 1 + 2.3125 / 2, 1 + 1.3125 / 2]
    )
    assert {one.surplus for one in servers} == {0}


def test_where_they_are_not_there_is_none():
    assert {one.leeway for one in heard("consistent_hash", Place(0, 2), {"a": 7})} == {0}
