"""The contract of a policy, and the table of those there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking.rotation import Rotation

#: A policy turns the eligible servers, in the order of their ids, into the rotation that tickets index.
Policy = Callable[[Sequence[Server]], Rotation]

#: By the names that settings use. Each policy's file ends with its registration.
POLICIES: dict[str, Policy] = {}


def compile_policy(snapshot: Snapshot) -> Rotation:
    """The rotation of a snapshot: up to tens of milliseconds for thousands of servers, so do it once for
    each epoch and away from the data path."""
    return POLICIES[snapshot.policy](snapshot.eligible)
