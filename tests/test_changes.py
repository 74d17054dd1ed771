"""What a new reading changed, in an operator's words."""

from __future__ import annotations

from dataclasses import replace

from cluster_lb.changes import changes, member_changes
from cluster_lb.model.address import Address
from cluster_lb.model.availability import AdminState, Health, ServerState
from cluster_lb.model.ejection import Ejection
from cluster_lb.model.member import Member
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.model.verdict import Verdict

A = Server(id="a", address=Address("127.0.0.1", 9001))
B = Server(id="b", address=Address("127.0.0.1", 9002))
DOWN = Verdict(Health.DOWN, "L4CON connection refused", ("n1", "n2"), epoch=3, at_ms=0)


def snapshot(*servers: Server, panic_threshold: float = 0.0) -> Snapshot:
    return Snapshot("web", 1, "round_robin", panic_threshold, servers)


def events(before: Snapshot | None, after: Snapshot) -> list[tuple[str, str]]:
    return [(level, event) for level, event, _ in changes(before, after)]


def test_the_first_reading_is_one_line_however_many_servers_it_has() -> None:
    [(level, event, fields)] = changes(None, snapshot(A, replace(B, admin_state=AdminState.MAINT)))
    assert (level, event, fields) == ("info", "pool read", {"servers": 2, "taking_traffic": 1})


def test_other_nodes_that_come_and_go_are_told() -> None:
    n1, n2, n3 = (Member(name, "1") for name in ("n1", "n2", "n3"))
    assert list(member_changes("n1", (), (n1, n2))) == [("info", "node joined", {"member": "n2"})]
    assert [(level, fields) for level, _, fields in member_changes("n1", (n1, n2), (n3,))] == [
        ("warning", {"member": "n2"}),
        ("info", {"member": "n3"}),
    ]


def test_the_same_again_is_no_news() -> None:
    assert events(snapshot(A, B), snapshot(A, B)) == []


def test_servers_come_and_go() -> None:
    assert events(snapshot(A), snapshot(B)) == [("info", "server registered"), ("info", "server left")]


def test_a_verdict_is_told_with_its_reason_and_authors() -> None:
    [(level, event, fields)] = changes(snapshot(A), snapshot(replace(A, verdict=DOWN)))
    assert (level, event) == ("warning", "server down")
    assert fields == {"server": "a", "reason": "L4CON connection refused", "by": "n1,n2"}


def test_a_server_that_comes_back_up_is_told_quietly() -> None:
    up = Verdict(Health.UP, "L4OK", ("n1",), epoch=4, at_ms=0)
    assert events(snapshot(replace(A, verdict=DOWN)), snapshot(replace(A, verdict=up))) == [
        ("info", "server up")
    ]


def test_what_operators_change_is_told() -> None:
    address = Address("127.0.0.1", 9009)
    changed = replace(A, admin_state=AdminState.DRAIN, weight=5, priority=2, address=address)
    assert events(snapshot(A), snapshot(changed)) == [
        ("info", "admin state changed"),
        ("info", "weight changed"),
        ("info", "priority changed"),
        ("info", "address changed"),
    ]


def test_what_slow_start_and_reports_make_of_a_weight_is_told_to_those_who_ask() -> None:
    [(level, _, fields)] = changes(
        snapshot(A),
        snapshot(replace(A, percent=85, effective_weight=17, percent_reason="cpu 0.90 against 0.50")),
    )
    assert (level, fields) == ("debug", {"server": "a", "now": 85, "why": "cpu 0.90 against 0.50"})


def test_what_a_server_says_of_itself_is_told_with_its_reason() -> None:
    ill = replace(A, state=ServerState.DOWN, state_reason="disk full")
    [(level, event, fields)] = changes(snapshot(A), snapshot(ill))
    assert (level, event, fields) == ("warning", "server says down", {"server": "a", "reason": "disk full"})
    assert events(snapshot(ill), snapshot(A)) == [("info", "server says up")]


def test_panic_begins_and_ends_once() -> None:
    well, ill = (
        snapshot(A, panic_threshold=0.6),
        snapshot(replace(A, verdict=DOWN), panic_threshold=0.6),
    )
    assert [event for _, event in events(well, ill)] == [
        "server down",
        "panic: too few servers are healthy, so health is ignored",
    ]
    assert events(ill, ill) == []
    assert events(ill, well)[-1] == ("info", "panic is over: enough servers are healthy")


def test_backups_begin_and_end_to_serve_once() -> None:
    first, second = replace(B, priority=1), replace(B, id="c", priority=2)
    well = snapshot(A, first, second)
    ill, worse = (
        snapshot(replace(A, verdict=DOWN), first, second),
        snapshot(replace(A, verdict=DOWN), replace(first, verdict=DOWN), second),
    )
    [_, (level, event, fields)] = changes(well, ill)
    assert (level, event, fields) == (
        "warning",
        "backups serve: too few primaries are healthy",
        {"up_to_priority": 1},
    )
    assert events(ill, ill) == []
    assert [fields for _, event, fields in changes(ill, worse) if "backups" in event] == [
        {"up_to_priority": 2}
    ]
    assert events(worse, well)[-1] == ("info", "backups serve no more: enough primaries are healthy")


def test_an_ejection_and_its_end_are_told_with_their_reasons() -> None:
    ejection = Ejection("consecutive_5xx", "5 5xx in a row", "n1", at_ms=1000, until_ms=31_000, times=1)
    out = snapshot(replace(A, ejection=ejection))
    [(level, event, fields)] = changes(snapshot(A), out)
    assert (level, event) == ("warning", "server ejected")
    assert fields == {"server": "a", "reason": "5 5xx in a row", "by": "n1", "for_s": 30.0}
    over = snapshot(replace(A, ejection=replace(ejection, recovered_at_ms=31_000, ended_by="time")))
    [(level, event, fields)] = changes(out, over)
    assert (level, event) == ("info", "server back from its ejection")
    assert fields == {"server": "a", "ended_by": "time"}
    assert list(changes(over, snapshot(A))) == []
