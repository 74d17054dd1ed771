"""round_robin: each eligible server in its turn, whatever its weight above 0."""

from __future__ import annotations

from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking.policy import POLICIES, Numbers, Policy
from cluster_lb.picking.rotation import Rotation


def round_robin(snapshot: Snapshot) -> Rotation:
    """The plain order of the servers."""
    return Rotation([server.id for server in snapshot.eligible], range(len(snapshot.eligible)))


POLICIES["round_robin"] = Policy(round_robin, Numbers.TICKET, weighted=False)
