"""A snapshot: one pool, immutable, at one epoch. All nodes that hold the same epoch hold equal ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from cluster_lb.model.availability import AdminState, Availability, Health
from cluster_lb.model.server import Server


@dataclass(frozen=True)
class Snapshot:
    """One pool at `epoch`. `servers` are in the order of their ids, so that every node builds the same
    schedule. `panic_threshold` is the share of healthy servers (0..1) below which health is ignored."""

    pool: str
    epoch: int
    policy: str
    panic_threshold: float
    servers: tuple[Server, ...]

    @cached_property
    def panics(self) -> bool:
        """Whether so few servers are healthy that health is ignored (Envoy's panic rule; 0 disables it)."""
        wanted = [s for s in self.servers if s.admin_state is AdminState.READY]
        healthy = sum(s.health is not Health.DOWN for s in wanted)
        return bool(wanted) and healthy < self.panic_threshold * len(wanted)

    @cached_property
    def eligible(self) -> tuple[Server, ...]:
        """The servers that take new exchanges."""
        if self.panics:
            return tuple(
                s for s in self.servers if s.admin_state is AdminState.READY and s.effective_weight > 0
            )
        return tuple(s for s in self.servers if s.availability is Availability.ACCEPTS)
