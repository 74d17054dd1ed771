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

_WHOLE = 8  # a pool of so many is looked at as a whole
_FEW = 4  # of a larger one; with eight the fullest server would have 2 to 5 % less


class LeastRequests:
    """Server ids with their weights above 0, and the turns that decide between equals."""

    __slots__ = ("_ids", "_paces", "_ring", "_turns")

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._ids = list(weights)
        self._paces = [1 / weight for weight in weights.values()]
        self._turns = build_schedule(list(weights.values()))
        size = len(self._ids)
        self._ring = Ring(size, size if size <= _WHOLE else _FEW, len(self._turns))

    @property
    def period(self) -> int:
        return len(self._turns)

    def bind(self, live: Mapping[str, C]) -> FewestInFlight[C]:
        paced = zip(map(live.__getitem__, self._ids), self._paces, strict=True)
        return FewestInFlight(self._ring.around(paced), self._turns, self._ring)


class FewestInFlight(Generic[C]):
    """`paced`: the servers around the ring, each with one over its weight. `turns`: their positions."""

    __slots__ = ("_few", "_number_of_starts", "_paced", "_period", "_ring", "_starts", "_turns", "turns")

    def __init__(self, paced: Sequence[tuple[C, float]], turns: Sequence[int], ring: Ring) -> None:
        self.turns: Sequence[C] = ()
        self._paced = paced
        self._turns = turns
        self._period = len(turns)
        self._ring = ring
        self._starts, self._few = ring.starts, ring.few
        self._number_of_starts = len(ring.starts)

    def first(self, number: int) -> C | None:
        if not self._period:
            return None
        paced = self._paced
        best, pace = paced[self._turns[number % self._period]]
        least = (best.load + best.surplus) * pace
        if least:  # else none can have less
            start = self._starts[number % self._number_of_starts]
            for server, pace in paced[start : start + self._few]:
                if (load := (server.load + server.surplus) * pace) < least:
                    best, least = server, load
        return best

    def order(self, number: int) -> Iterator[C]:
        """The best of the few, then the next of them; then of the next few."""
        seen = set()
        turns = self._turns
        held = [turns[number % len(turns)]] if turns else []
        for part in self._ring.parts(number):
            held += part
            for position in sorted(held, key=self._load):
                if position not in seen:
                    seen.add(position)
                    yield self._paced[position][0]
            held = []

    def _load(self, position: int) -> float:
        server, pace = self._paced[position]
        return (server.load + server.surplus) * pace


def least_requests(snapshot: Snapshot) -> LeastRequests:
    """By effective weight."""
    return LeastRequests({server.id: server.effective_weight for server in snapshot.eligible})


POLICIES["least_requests"] = Policy(least_requests, Numbers.TICKET, by_load=True)
