"""random: any eligible server, whatever its weight above 0 (Caddy's default, Envoy RANDOM)."""

from __future__ import annotations

from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking.draws import Draws
from cluster_lb.picking.policy import POLICIES, Numbers, Policy


def random(snapshot: Snapshot) -> Draws:
    """Draws in which all servers are alike."""
    return Draws({server.id: 1 for server in snapshot.eligible})


POLICIES["random"] = Policy(random, Numbers.RANDOM, weighted=False)
