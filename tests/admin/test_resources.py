"""The shares that are shown are those that the policy gives."""

from __future__ import annotations

from collections import Counter

import pytest

from cluster_lb.admin.resources import expected_shares
from cluster_lb.model.address import Address
from cluster_lb.model.availability import AdminState
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking import POLICIES, compile_policy
from tests.doubles.candidates import candidates

SERVERS = (
    Server("a", Address("h", 1), 5, 5),
    Server("b", Address("h", 2), 2, 2),
    Server("c", Address("h", 3), 1, 0),
    Server("d", Address("h", 4), 9, 9, admin_state=AdminState.DRAIN),
)


def snapshot(policy: str, servers: tuple[Server, ...] = SERVERS) -> Snapshot:
    return Snapshot("web", 1, policy, 0.5, servers)


@pytest.mark.parametrize("policy", ["round_robin", "weighted_round_robin"])
def test_shares_are_those_of_the_rotation(policy):
    turns = Counter(server.id for server in compile_policy(snapshot(policy)).bind(candidates("abcd")).turns)
    assert expected_shares(snapshot(policy)) == {server: n / turns.total() for server, n in turns.items()}


@pytest.mark.parametrize("policy", sorted(POLICIES.keys() - {"round_robin", "random"}))
def test_where_no_rotation_fixes_them_shares_are_by_weight(policy):
    assert expected_shares(snapshot(policy)) == {"a": 5 / 7, "b": 2 / 7}


def test_random_servers_are_alike():
    assert expected_shares(snapshot("random")) == {"a": 0.5, "b": 0.5}


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_a_pool_without_eligible_servers_has_no_shares(policy):
    assert expected_shares(snapshot(policy, SERVERS[2:])) == {}
