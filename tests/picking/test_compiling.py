"""From a snapshot to a plan: with a preference for a zone where the pool wants one and the node has one."""

from __future__ import annotations

import pytest

from cluster_lb.model.address import Address
from cluster_lb.model.locality import Locality
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking import POLICIES, Numbers, compile_policy
from cluster_lb.picking.zones import ZonePlan

SERVERS = tuple(Server(f"{zone}{n}", Address("h", 1), zone=zone) for zone in "ab" for n in range(3))


@pytest.mark.parametrize("policy", sorted(POLICIES))
@pytest.mark.parametrize(
    ("zones_from", "zone", "prefers"), [(6, "a", True), (7, "a", False), (0, "a", False), (6, "", False)]
)
def test_zones_are_preferred_from_enough_servers_on_by_nodes_that_are_in_one(
    policy, zones_from, zone, prefers
):
    snapshot = Snapshot("web", 1, policy, 0.5, SERVERS, zones_from=zones_from)
    plan = compile_policy(snapshot, Locality(zone, {"a": 1, "b": 1}))
    assert isinstance(plan, ZonePlan) is (prefers and POLICIES[policy].numbers is not Numbers.KEY)


def test_nowhere_there_is_no_preference():
    snapshot = Snapshot("web", 1, "round_robin", 0.5, SERVERS, zones_from=6)
    assert compile_policy(snapshot).period == 6
