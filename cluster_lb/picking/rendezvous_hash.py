"""rendezvous_hash: each server draws a number for the key, and one wins (D. Thaler, C. Ravishankar, "Using
name-based mappings to increase hit rates", IEEE/ACM Transactions on Networking 6, 1998).

With h in [0, 1) the hash of key and server, a server of weight w scores w / -ln(1 - h), and the highest
score wins. Its chance is w / W, and who wins among the others does not depend on it. So exactly the keys of a
server that leaves move, and shares are as even as the hash. The price is that a pick asks every server; a
picker remembers who won the keys that it saw last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from heapq import heapify, heappop
from itertools import repeat
from math import log1p
from typing import Generic

from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking.hashing import BITS, hash_of
from cluster_lb.picking.policy import POLICIES, C, Numbers, Policy

_BYTES = BITS // 8
# A draw to (-1, 0]: the greatest ones become 2^64 as a float, whose logarithm has to be one still.
_SCALE = -(1 - 2.0**-52) / 2**BITS

#: Keys whose winners a picker remembers, about 350 KB. When that is full all are forgotten: a flood of keys
#: takes no more memory, and those that come again are asked for once more.
REMEMBERED = 4096


class RendezvousHash:
    """A snapshot's eligible servers, each with the seed that its id gives."""

    __slots__ = ("_ids", "_seeds", "_weights")
    period = 0

    def __init__(self, ids: Sequence[str], weights: Sequence[int]) -> None:
        self._ids = ids
        self._seeds = [hash_of(server_id.encode("ascii")) for server_id in ids]
        self._weights = weights

    def bind(self, live: Mapping[str, C]) -> HighestWeight[C]:
        return HighestWeight([live[server_id] for server_id in self._ids], self._seeds, self._weights)


class HighestWeight(Generic[C]):
    """Asks all servers. `_inverse`: -1 / weight; empty where weights are equal, which needs no logarithm.
    `_winners`: number -> server."""

    __slots__ = ("_inverse", "_seeds", "_servers", "_winners")
    turns: Sequence[C] = ()

    def __init__(self, servers: Sequence[C], seeds: Sequence[int], weights: Sequence[int]) -> None:
        self._servers = servers
        self._seeds = seeds
        self._inverse = [-1 / weight for weight in weights] if len(set(weights)) > 1 else []
        self._winners: dict[int, C] = {}

    def first(self, number: int) -> C | None:
        return self._winners.get(number) or self._decide(number)

    def _decide(self, number: int) -> C | None:
        if not self._servers:
            return None
        if len(self._winners) == REMEMBERED:
            self._winners.clear()
        ranks = self._ranks(number)
        winner = self._winners[number] = self._servers[ranks.index(min(ranks))]
        return winner

    def order(self, number: int) -> Iterator[C]:
        heap = [(rank, index) for index, rank in enumerate(self._ranks(number))]
        heapify(heap)
        while heap:
            yield self._servers[heappop(heap)[1]]

    def _ranks(self, number: int) -> Sequence[float]:
        """For each server a number that is the lower, the higher its score is."""
        drawn = list(map(hash_of, repeat(number.to_bytes(_BYTES, "little")), self._seeds))
        if not self._inverse:
            return drawn
        return [log1p(draw * _SCALE) * inverse for draw, inverse in zip(drawn, self._inverse, strict=True)]


def rendezvous_hash(snapshot: Snapshot) -> RendezvousHash:
    """The servers by their effective weights."""
    servers = snapshot.eligible
    return RendezvousHash([server.id for server in servers], [server.effective_weight for server in servers])


POLICIES["rendezvous_hash"] = Policy(rendezvous_hash, Numbers.KEY)
