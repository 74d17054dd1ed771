"""weighted_random: any eligible server, as often as its effective weight says (nginx `random`)."""

from __future__ import annotations

from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking.draws import Draws
from cluster_lb.picking.policy import POLICIES, Numbers, Policy


def weighted_random(snapshot: Snapshot) -> Draws:
    """Draws by effective weight."""
    return Draws({server.id: server.effective_weight for server in snapshot.eligible})


POLICIES["weighted_random"] = Policy(weighted_random, Numbers.RANDOM)
