"""Snapshots for those to whom only weights matter."""

from __future__ import annotations

from collections.abc import Mapping

from cluster_lb.model.address import Address
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot


def weighted(weights: Mapping[str, int], policy: str = "weighted_random") -> Snapshot:
    """A pool of servers with these effective weights, by id; the configured ones are others."""
    servers = (
        Server(server_id, Address("127.0.0.1", 9001), weight=100, effective_weight=weight)
        for server_id, weight in weights.items()
    )
    return Snapshot("web", 1, policy, 0.5, tuple(servers))
