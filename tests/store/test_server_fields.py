"""A server and its verdict out of the fields of Redis."""

from __future__ import annotations

import pytest

from cluster_lb.model.address import Address
from cluster_lb.model.availability import AdminState, Health, ServerState
from cluster_lb.model.server import Server
from cluster_lb.model.verdict import Verdict
from cluster_lb.store.server_fields import read_server, read_verdict

FIELDS = {
    "address": "[::1]:9001",
    "weight": "3",
    "percent": "50",
    "percent_reason": "slow start",
    "admin_weight": "7",
    "zone": "z",
    "priority": "2",
    "admin_state": "DRAIN",
    "registered_at_ms": "17",
    "ttl_ms": "6000",
    "stale": "1",
    "report.cpu": "0.5",
    "state": "drain",
    "state_reason": "deploying",
}
VERDICT = '{"health":"DOWN","reason":"L4CON","authors":["n1"],"epoch":4,"at_ms":99}'


def test_every_field_has_its_place() -> None:
    problems: list[str] = []
    assert read_server("a", FIELDS, VERDICT, -5, problems) == Server(
        id="a",
        address=Address("::1", 9001),
        weight=7,
        effective_weight=7,
        zone="z",
        priority=2,
        admin_state=AdminState.DRAIN,
        verdict=Verdict(Health.DOWN, "L4CON", ("n1",), 4, 99),
        stale=True,
        registered_at_ms=17,
        lease_ms=-5,
        report={"cpu": 0.5},
        percent=50,
        percent_reason="slow start",
        state=ServerState.DRAIN,
        state_reason="deploying",
    )
    assert problems == []


def test_an_address_is_enough() -> None:
    problems: list[str] = []
    server = read_server("a", {"address": "h:1"}, None, 0, problems)
    assert server == Server("a", Address("h", 1))
    assert problems == []


@pytest.mark.parametrize(("server_id", "fields"), [("a", {}), ("a", {"address": "h:0"}), ("a b", FIELDS)])
def test_without_usable_id_and_address_there_is_no_server(server_id: str, fields: dict[str, str]) -> None:
    problems: list[str] = []
    assert read_server(server_id, fields, None, 0, problems) is None
    assert len(problems) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "{}",
        '{"health":"NO"}',
        '{"health":"UP","epoch":"x"}',
        '{"health":"UP","epoch":1e999}',
        "[" * 100_000,
    ],
)
def test_what_is_no_verdict_is_none(text: str) -> None:
    problems: list[str] = []
    assert read_verdict("a", text, problems) is None
    assert len(problems) == 1
