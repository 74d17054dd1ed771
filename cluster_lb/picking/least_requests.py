"""least_requests: the fewest attempts in flight for its weight, over the whole cluster.

A pick looks at the server whose turn it is, as in weighted_round_robin, and at a few more; of equals the one
whose turn it is comes first. What this node has in flight counts exactly, and of the other nodes' what
`surplus.py` makes of their last reports.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Generic

from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking.policy import POLICIES, C, Numbers, Policy
from cluster_lb.picking.ring import Ring
from cluster_lb.picking.schedule import build_schedule


class LeastRequests:
    """Server ids with their weights above 0, and the turns that decide between equals."""

    __slots__ = ("_turns", "_weights")

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._weights = weights
        self._turns = build_schedule(list(weights.values()))

    @property
    def period(self) -> int:
        return len(self._turns)

    def bind(self, live: Mapping[str, C]) -> FewestInFlight[C]:
        servers = [live[server_id] for server_id in self._weights]
        return FewestInFlight(servers, [1 / weight for weight in self._weights.values()], self._turns)


class FewestInFlight(Generic[C]):
    """`_paces`: one over the weight. Servers and paces go round a little further than once, so that a few in
    a row are always a slice."""

    __slots__ = ("_paces", "_ring", "_servers", "_turns", "turns")

    def __init__(self, servers: Sequence[C], paces: Sequence[float], turns: Sequence[int]) -> None:
        self.turns: Sequence[C] = ()
        self._ring = ring = Ring(len(servers))
        self._servers = [*servers, *servers[: ring.few]]
        self._paces = [*paces, *paces[: ring.few]]
        self._turns = turns

    def first(self, number: int) -> C | None:
        turns = self._turns
        if not turns:
            return None
        turn = turns[number % len(turns)]
        server = self._servers[turn]
        key = (server.load + server.surplus) * self._paces[turn]
        if not key:
            return server  # none can have less
        start = self._ring.start(number)
        end = start + self._ring.few
        # A plain loop over pieces of lists, because that is what costs the least here.
        for other, pace in zip(self._servers[start:end], self._paces[start:end], strict=True):
            if (other_key := (other.load + other.surplus) * pace) < key:
                server, key = other, other_key
        return server

    def order(self, number: int) -> Iterator[C]:
        """The best of the few, then the next of them; then of the next few."""
        seen = set()
        turns = self._turns
        held = [turns[number % len(turns)]] if turns else []
        for part in self._ring.parts(number):
            held += part
            for position in sorted(held, key=self._key):
                if position not in seen:
                    seen.add(position)
                    yield self._servers[position]
            held = []

    def _key(self, position: int) -> float:
        server = self._servers[position]
        return (server.load + server.surplus) * self._paces[position]


def least_requests(snapshot: Snapshot) -> LeastRequests:
    """By effective weight."""
    return LeastRequests({server.id: server.effective_weight for server in snapshot.eligible})


POLICIES["least_requests"] = Policy(least_requests, Numbers.TICKET, by_load=True)
