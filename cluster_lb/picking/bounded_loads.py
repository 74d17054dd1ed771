"""Bounded loads: no server has more than a factor times the mean in flight (V. Mirrokni, M. Thorup,
M. Zadimoghaddam, "Consistent Hashing with Bounded Loads", SODA 2018; HAProxy `hash-balance-factor`).

With W the sum of the weights and T what is in flight in the cluster, the new exchange counted, a server of
weight w takes it while its own load stays within ceil(factor * T * w / W). As the factor is above 1, there
is always one that does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic

from cluster_lb.picking.policy import C

# Servers that are counted anew with each pick. In a pool of no more, the sum is exact; in a larger one each
# server's part of it is len(servers) / _COUNTED picks old at most, its own load in a decision never.
_COUNTED = 8


class Bounds(Generic[C]):
    """What each of `servers` takes. `weights`: theirs, above 0. `factor`: above 1."""

    __slots__ = ("_chunks", "_counts", "_factor", "_next", "_servers", "_sum", "_weights")

    def __init__(self, servers: Sequence[C], weights: Sequence[int], factor: float) -> None:
        self._servers = servers
        self._weights = weights
        self._factor = factor / sum(weights) if servers else 0.0
        self._chunks = [servers[n : n + _COUNTED] for n in range(0, len(servers), _COUNTED)]
        self._counts = [_load(chunk) for chunk in self._chunks]
        self._sum = sum(self._counts)
        self._next = 0

    def per_weight(self) -> float:
        """What a server takes now for each unit of its weight; to be asked once for each pick."""
        number = self._next
        count = _load(self._chunks[number])
        self._sum += count - self._counts[number]
        self._counts[number] = count
        self._next = (number or len(self._chunks)) - 1
        return self._factor * (self._sum + 1)

    def takes(self, index: int, per_weight: float) -> bool:
        """Whether a server takes one more."""
        server = self._servers[index]
        return server.load + server.elsewhere < per_weight * self._weights[index]


def _load(servers: Sequence[C]) -> int:
    return sum([server.load + server.elsewhere for server in servers])
