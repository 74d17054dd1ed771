"""What a snapshot says of its servers: who takes new exchanges, and who only clients bound to it."""

from __future__ import annotations

import pytest

from cluster_lb.model.address import Address
from cluster_lb.model.availability import AdminState, Health
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.model.verdict import Verdict

DOWN = Verdict(Health.DOWN, "L4CON refused", ("n1",), 1, 0)
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
        ({"verdict": DOWN}, "", ""),
        ({"verdict": DOWN, "admin_state": DRAIN}, "", ""),
        ({"verdict": DOWN, "effective_weight": 0}, "", ""),
    ],
)
def test_a_server_takes_new_exchanges_bound_clients_or_neither(fields, eligible, persistent):
    found = snapshot(a=fields)
    assert (ids(found.eligible), ids(found.persistent)) == (eligible, persistent)


def test_where_health_is_ignored_bound_clients_stay_with_servers_that_are_down():
    found = snapshot(0.5, a={"verdict": DOWN}, b={"verdict": DOWN}, c={}, d={"admin_state": DRAIN})
    assert found.panics
    assert (ids(found.eligible), ids(found.persistent)) == ("abc", "abcd")
