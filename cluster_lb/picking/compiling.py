"""From a snapshot to a plan: the policy alone, or in zones."""

from __future__ import annotations

from cluster_lb.model.locality import Locality
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking.policy import POLICIES, Numbers, Plan
from cluster_lb.picking.zones import plan_zones

NOWHERE = Locality()


def compile_policy(snapshot: Snapshot, locality: Locality = NOWHERE) -> Plan:
    """The plan of a snapshot for a node in `locality`: once for each epoch and for each change of who is
    where, and away from the data path. Nowhere there is no preference."""
    policy = POLICIES[snapshot.policy]
    # Equal keys go to one server, whatever node they come by.
    if snapshot.prefers_zones and locality.zone and policy.numbers is not Numbers.KEY:
        return plan_zones(snapshot, locality, policy)
    return policy.plan(snapshot)
