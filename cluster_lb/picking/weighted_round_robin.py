"""weighted_round_robin: each server as often as its effective weight says, evenly interleaved."""

from __future__ import annotations

from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking.policy import POLICIES, Numbers, Policy
from cluster_lb.picking.rotation import Rotation
from cluster_lb.picking.schedule import build_schedule


def weighted_round_robin(snapshot: Snapshot) -> Rotation:
    """The smooth schedule of the servers' effective weights."""
    servers = snapshot.eligible
    schedule = build_schedule([server.effective_weight for server in servers])
    return Rotation([server.id for server in servers], schedule)


POLICIES["weighted_round_robin"] = Policy(weighted_round_robin, Numbers.TICKET)
