"""round_robin: each eligible server in its turn, whatever its weight above 0."""

from __future__ import annotations

from collections.abc import Sequence

from cluster_lb.model.server import Server
from cluster_lb.picking.policy import POLICIES
from cluster_lb.picking.rotation import Rotation


def round_robin(servers: Sequence[Server]) -> Rotation:
    """The plain order of the servers."""
    return Rotation([server.id for server in servers])


POLICIES["round_robin"] = round_robin
