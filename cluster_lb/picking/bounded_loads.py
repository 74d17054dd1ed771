"""Bounded loads: no server has more than a factor times the mean in flight (V. Mirrokni, M. Thorup,
M. Zadimoghaddam, "Consistent Hashing with Bounded Loads", SODA 2018; HAProxy `hash-balance-factor`).

With W the sum of the weights and T what is in flight, the new exchange counted, a server of weight w may
have ceil(factor * T * w / W). As the factor is above 1, there is always one that has less.

Several nodes keep the cluster's bound as they keep its limits: each may always have its own part, and what
the others leave. Its own part is the bound of what it has in flight itself, for when each node keeps that,
their sums keep it too, but for the rounding up: one exchange a node at most. What is left beyond that is
known from reports, which are old when they are used, and known to all nodes alike: each takes its equal part
of it, and the next report shows who made use of that. (With what the reports leave alone, all nodes would
begin at once where there is room, and stop at once where there is none.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic

from cluster_lb.picking.policy import C

# A pool of so many servers is counted anew with each pick: there the sum is exact.
_WHOLE = 8
# So many servers of a larger one are: each server's part of the sum is then len(servers) / 4 picks old at
# most, its own load in a decision never.
_COUNTED = 4


class Bounds(Generic[C]):
    """What each of `servers` takes. `weights`: theirs, above 0. `factor`: above 1."""

    __slots__ = ("_chunks", "_counts", "_factor", "_next", "_sum", "servers", "weights")

    def __init__(self, servers: Sequence[C], weights: Sequence[int], factor: float) -> None:
        size = _WHOLE if len(servers) <= _WHOLE else _COUNTED
        self.servers = servers
        self.weights = weights
        self._factor = factor / sum(weights) if servers else 0.0
        self._chunks = [servers[n : n + size] for n in range(0, len(servers), size)]
        self._counts = [sum([one.load for one in chunk]) for chunk in self._chunks]
        self._sum = sum(self._counts)
        self._next = 0

    def per_weight(self) -> float:
        """This node's own part of what a server takes now, for each unit of its weight; to be asked once for
        each pick."""
        number, count = self._next, 0
        for server in self._chunks[number]:
            count += server.load
        self._sum += count - self._counts[number]
        self._counts[number] = count
        self._next = (number or len(self._chunks)) - 1
        return self._factor * (self._sum + 1)

    def takes(self, index: int, per_weight: float) -> bool:
        """Whether a server takes one more."""
        server = self.servers[index]
        return server.load < per_weight * self.weights[index] or server.load < server.leeway


def set_leeways(servers: Sequence[C], weights: Sequence[int], factor: float, nodes: int) -> None:
    """Note with each server how much one of `nodes` may have in flight on it by what the others left: what
    it has now, and its equal part of the room below the bound. A single node has no others."""
    in_flight = sum([server.load + server.elsewhere for server in servers])
    per_weight = factor * (in_flight + 1) / sum(weights) if servers else 0.0
    for server, weight in zip(servers, weights, strict=True):
        room = per_weight * weight - server.load - server.elsewhere
        server.leeway = server.load + room / nodes if nodes > 1 else 0.0
