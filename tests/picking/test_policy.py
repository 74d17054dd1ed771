"""A policy is compiled from a snapshot's eligible servers."""

from __future__ import annotations

import pytest

from cluster_lb.model.address import Address
from cluster_lb.model.availability import AdminState
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking import POLICIES, compile_policy
from cluster_lb.settings.schema import PoolSettings


def snapshot(policy: str, *servers: Server) -> Snapshot:
    return Snapshot("web", 1, policy, 0.5, servers)


def server(name: str, weight: int = 1, **more) -> Server:
    return Server(name, Address("127.0.0.1", 9001), weight=weight, effective_weight=weight, **more)


def test_every_policy_of_the_settings_is_there():
    names = PoolSettings.model_json_schema()["properties"]["policy"]["enum"]
    assert sorted(POLICIES) == sorted(names)


@pytest.mark.parametrize(
    ("policy", "turns"), [("round_robin", ["a", "c"]), ("weighted_round_robin", ["a", "c", "a"])]
)
def test_only_eligible_servers_have_turns(policy, turns):
    servers = server("a", 2), server("b", 1, admin_state=AdminState.DRAIN), server("c"), server("d", 0)
    assert list(compile_policy(snapshot(policy, *servers)).turns) == turns


def test_a_pool_without_servers_compiles_to_nothing():
    assert compile_policy(snapshot("weighted_round_robin")).period == 0
