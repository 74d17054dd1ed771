"""What a snapshot says of its servers: who takes new exchanges, and who only clients bound to it; by health,
panic, ejections, and what servers say of themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cluster_lb.model.address import Address
from cluster_lb.model.availability import AdminState, Availability, Health, ServerState
from cluster_lb.model.ejection import Ejection
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.model.verdict import Verdict

BAD = Verdict(Health.DOWN, "L4TOUT", ("n1",), 1, 0)


def server(spec: str, number: int) -> Server:
    """`up`, `busy`, `drain`, `down`: its own word; `ill`: probes say so; `DRAIN`, `MAINT`: its operator; `0`:
    weight 0. Joined by a plus."""
    words = set(spec.split("+"))
    return Server(
        str(number),
        Address("127.0.0.1", 9001),
        effective_weight=0 if "0" in words else 1,
        admin_state=next((state for state in AdminState if state.value in words), AdminState.READY),
        state=next((state for state in ServerState if state.value in words), ServerState.UP),
        verdict=BAD if "ill" in words else None,
    )


def pool(text: str, threshold: float = 0.5) -> Snapshot:
    servers = tuple(server(spec, number) for number, spec in enumerate(text.split()))
    return Snapshot("web", 1, "round_robin", threshold, servers)


@pytest.mark.parametrize(
    ("servers", "eligible"),
    [
        ("up up up", "012"),
        ("up drain down", "0"),
        ("up ill 0", "0"),
        ("up DRAIN MAINT", "0"),
        ("drain down", ""),
        # the busy ones rest while half of those that could serve are not busy
        ("up busy", "0"),
        ("up up busy", "01"),
        ("up busy busy", "012"),
        ("busy busy", "01"),
        ("busy", "0"),
        ("up busy ill", "0"),
        ("up busy drain down", "0"),
        ("drain busy down", "1"),
    ],
)
def test_who_takes_new_exchanges(servers: str, eligible: str) -> None:
    snapshot = pool(servers)
    assert not snapshot.panics
    assert "".join(s.id for s in snapshot.eligible) == eligible


@pytest.mark.parametrize(
    ("servers", "eligible"),
    [
        ("up ill ill", "012"),
        # words of operators and of servers themselves hold in a panic too, and do not lead to one
        ("up ill ill drain down DRAIN MAINT", "012"),
        ("up ill ill+0", "01"),
        ("ill+busy ill+busy", "01"),
        ("ill+busy ill up ill ill ill", "12345"),
        ("ill ill+down", "0"),
    ],
)
def test_who_takes_new_exchanges_in_a_panic(servers: str, eligible: str) -> None:
    snapshot = pool(servers)
    assert snapshot.panics
    assert "".join(s.id for s in snapshot.eligible) == eligible


@pytest.mark.parametrize("servers", ["down down up", "drain drain drain up", "down down", "MAINT DRAIN"])
def test_what_servers_say_of_themselves_is_no_reason_to_panic(servers: str) -> None:
    assert not pool(servers).panics


@pytest.mark.parametrize(("servers", "eligible"), [("up busy busy busy", "0"), ("busy busy", "01")])
def test_without_a_panic_threshold_one_that_is_not_busy_is_enough(servers: str, eligible: str) -> None:
    assert "".join(s.id for s in pool(servers, threshold=0.0).eligible) == eligible


DRAIN, MAINT = AdminState.DRAIN, AdminState.MAINT


def snapshot(panic_threshold: float = 0.0, **servers: dict[str, object]) -> Snapshot:
    made = tuple(Server(name, Address("127.0.0.1", 9001), **fields) for name, fields in servers.items())
    return Snapshot("web", 1, "round_robin", panic_threshold, made)


def ids(servers: tuple[Server, ...]) -> str:
    return "".join(server.id for server in servers)


@pytest.mark.parametrize(
    ("fields", "eligible", "persistent"),
    [
        ({}, "a", "a"),
        ({"effective_weight": 0}, "", "a"),
        ({"admin_state": DRAIN}, "", "a"),
        ({"admin_state": MAINT}, "", ""),
        ({"verdict": BAD}, "", ""),
        ({"state": ServerState.BUSY}, "a", "a"),
        ({"state": ServerState.DRAIN}, "", "a"),
        ({"state": ServerState.DOWN}, "", ""),
        ({"verdict": BAD, "admin_state": DRAIN}, "", ""),
        ({"verdict": BAD, "effective_weight": 0}, "", ""),
    ],
)
def test_a_server_takes_new_exchanges_bound_clients_or_neither(fields, eligible, persistent):
    found = snapshot(a=fields)
    assert (ids(found.eligible), ids(found.persistent)) == (eligible, persistent)


def test_where_health_is_ignored_bound_clients_stay_with_servers_that_are_down():
    found = snapshot(0.5, a={"verdict": BAD}, b={"verdict": BAD}, c={}, d={"admin_state": DRAIN})
    assert found.panics
    assert (ids(found.eligible), ids(found.persistent)) == ("abc", "abcd")


def test_a_busy_server_keeps_the_clients_that_are_bound_to_it():
    found = snapshot(a={}, b={"state": ServerState.BUSY})
    assert (ids(found.eligible), ids(found.persistent)) == ("a", "ab")


def test_own_words_hold_in_the_groups_that_serve_alone():
    busy, backup = {"state": ServerState.BUSY}, {"priority": 1}
    assert ids(snapshot(0.5, a=busy, b=busy, c=backup).eligible) == "ab"
    assert ids(snapshot(0.5, a={"state": ServerState.DRAIN}, b=busy, c=backup).eligible) == "b"
    assert ids(snapshot(0.5, a={"state": ServerState.DOWN}, c=backup).eligible) == "c"


EJECTED = Ejection("consecutive_5xx", "5 5xx in a row", "n1", at_ms=1000, until_ms=31_000, times=1)
OVER = replace(EJECTED, recovered_at_ms=31_000, ended_by="time")


def one(identifier: str, **more: object) -> Server:
    return Server(identifier, Address("127.0.0.1", 9001), **more)


def eligible(*servers: Server, panic_threshold: float = 0.5) -> list[str]:
    return [server.id for server in Snapshot("web", 1, "round_robin", panic_threshold, servers).eligible]


def test_an_ejected_server_takes_nothing_not_even_those_bound_to_it():
    assert one("a", ejection=EJECTED).availability is Availability.REFUSES
    assert one("a", ejection=EJECTED, admin_state=AdminState.DRAIN).availability is Availability.REFUSES
    assert one("a", ejection=OVER).availability is Availability.ACCEPTS


def test_traffic_goes_to_the_others():
    assert eligible(one("a", ejection=EJECTED), one("b"), one("c", ejection=OVER)) == ["b", "c"]


def test_ejected_servers_count_as_unhealthy_for_the_panic_rule():
    servers = [one("a", ejection=EJECTED), one("b", verdict=BAD), one("c")]
    assert eligible(*servers) == ["a", "b", "c"]
    assert eligible(*servers, panic_threshold=0.0) == ["c"]


@pytest.mark.parametrize("other", [{"verdict": BAD}, {"admin_state": AdminState.MAINT}])
def test_an_ejected_server_serves_where_no_other_can(other):
    servers = [one("a", ejection=EJECTED), one("b", **other)]
    assert eligible(*servers, panic_threshold=0.0) == ["a"]


def test_neither_probes_nor_operators_are_overruled_by_that():
    assert eligible(one("a", ejection=EJECTED, verdict=BAD), panic_threshold=0.0) == []
    assert eligible(one("a", ejection=EJECTED, admin_state=AdminState.MAINT)) == []


def test_an_ejected_server_is_passed_over_for_a_busy_one_and_for_backups():
    out = one("a", ejection=EJECTED)
    assert eligible(out, one("b", state=ServerState.BUSY), panic_threshold=0.0) == ["b"]
    assert eligible(out, one("b", priority=1), panic_threshold=0.0) == ["b"]
    assert eligible(out, one("b", state=ServerState.DOWN), panic_threshold=0.0) == ["a"]


def test_clients_that_are_bound_to_an_ejected_server_go_to_another():
    servers = one("a", ejection=EJECTED), one("b")
    assert ids(Snapshot("web", 1, "round_robin", 0.5, servers).persistent) == "b"
