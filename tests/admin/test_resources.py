"""The exact shares that are shown are those of the schedule that is used."""

from __future__ import annotations

from collections import Counter

import pytest

from cluster_lb.admin.resources import exact_shares
from cluster_lb.model.address import Address
from cluster_lb.model.availability import AdminState
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking import POLICIES, compile_policy

SERVERS = (
    Server("a", Address("h", 1), 5, 5),
    Server("b", Address("h", 2), 2, 2),
    Server("c", Address("h", 3), 1, 0),
    Server("d", Address("h", 4), 9, 9, admin_state=AdminState.DRAIN),
)


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_shares_are_those_of_the_rotation(policy):
    snapshot = Snapshot("web", 1, policy, 0.5, SERVERS)
    turns = Counter(compile_policy(snapshot).turns)
    assert exact_shares(snapshot) == {server: n / turns.total() for server, n in turns.items()}


def test_a_pool_without_eligible_servers_has_no_shares():
    assert exact_shares(Snapshot("web", 1, "round_robin", 0.5, SERVERS[2:])) == {}
