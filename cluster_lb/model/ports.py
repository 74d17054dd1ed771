"""What the data path is handed, as protocols: it never sees Redis."""

from __future__ import annotations

from typing import Protocol

from cluster_lb.model.rate_limit import Denial, Quota


class Candidate(Protocol):
    """A live server, as policies see it. `load`: this node's attempts in flight on it; `elsewhere`: the other
    nodes', as last heard; `surplus`: what of those counts as load in the picks of this node (see
    picking/surplus.py); `leeway`: what this node may have there, as the others leave it, where loads are
    bounded (see picking/bounded_loads.py). `latency_s`: how long it takes, as this node and the others
    estimate it; 0: not known, or the policy does not go by it. `out`: this node itself cannot reach it."""

    id: str
    load: int
    elsewhere: int
    surplus: float
    leeway: float
    latency_s: float
    out: bool


class Tickets(Protocol):
    """Numbers of the shared sequence of one pool. `take` never waits: with no block at hand it goes on
    from a local ticket."""

    def take(self) -> int:
        """The next ticket of this node, any non-negative integer."""

    def adopt(self, epoch: int, period: int) -> None:
        """Tickets are for `epoch` from now on, whose schedule repeats after `period` of them; what is held
        of another epoch is void."""


class LimitedKeys(Protocol):
    """The keys of one rate limit. `take` never waits: it decides by the tokens that this node holds, or on
    credit."""

    def take(self, key: str) -> Denial | None:
        """Count one request on `key`; None: it may pass."""

    def quota(self, key: str) -> Quota:
        """What is left for `key`, as far as this node knows."""
