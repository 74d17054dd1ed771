"""weighted_round_robin: each server as often as its effective weight says, evenly interleaved."""

from __future__ import annotations

from collections.abc import Sequence

from cluster_lb.model.server import Server
from cluster_lb.picking.policy import POLICIES
from cluster_lb.picking.rotation import Rotation
from cluster_lb.picking.schedule import build_schedule


def weighted_round_robin(servers: Sequence[Server]) -> Rotation:
    """The smooth schedule of the servers' effective weights."""
    schedule = build_schedule([server.effective_weight for server in servers])
    return Rotation([servers[index].id for index in schedule])


POLICIES["weighted_round_robin"] = weighted_round_robin
