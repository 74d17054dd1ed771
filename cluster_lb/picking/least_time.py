"""least_time: the shortest expected time, among servers that are not hot.

B. Wydrowski and others, "Load is not what you should balance: introducing Prequal", NSDI 2024: of a few
servers those with more in flight than most are hot, and left out; of the cold ones the one with the lowest
latency is taken. Time is as in Finagle's PeakEwma: the latency times what would be in flight, for its
weight. So a slow server still gets what it can do, and requests are not all sent to the quickest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Generic

from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking.policy import POLICIES, C, Numbers, Policy
from cluster_lb.picking.ring import Ring

_FEW = 5  # are looked at, of which four are cold: hot is what is above the quantile 0.8 (Prequal)
_UNKNOWN_S = 1e6  # what a server without an estimate takes while its first request is under way


class LeastTime:
    """Server ids with their weights above 0."""

    __slots__ = ("_ids", "_paces", "_ring", "period")

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._ids = list(weights)
        self._paces = [1 / weight for weight in weights.values()]
        self._ring = Ring(len(self._ids), _FEW)
        self.period = 0

    def bind(self, live: Mapping[str, C]) -> QuickestCold[C]:
        paced = zip(map(live.__getitem__, self._ids), self._paces, strict=True)
        return QuickestCold(self._ring.around(paced), self._ring)


class QuickestCold(Generic[C]):
    """`paced`: the servers around the ring, each with one over its weight. Of fewer than five none is hot."""

    __slots__ = ("_few", "_number_of_starts", "_paced", "_ring", "_starts", "turns")

    def __init__(self, paced: Sequence[tuple[C, float]], ring: Ring) -> None:
        self.turns: Sequence[C] = ()
        self._paced = paced
        self._ring = ring
        self._starts, self._few = ring.starts, ring.few
        self._number_of_starts = len(ring.starts)

    def first(self, number: int) -> C | None:
        # As `order` has it, laid out flat: calls would take longer than all the rest.
        few, start = self._few, self._starts[number % self._number_of_starts]
        window = self._paced[start : start + few]
        best, least, load = None, inf, 0.0
        for server, pace in window:
            count = server.load + server.surplus
            time = server.latency_s * (count + 1) * pace
            if time < least and (time or not count):  # else it is unknown, and about to be known
                best, least, load = server, time, count * pace
        if best is not None:
            if few < _FEW:
                return best
            for server, pace in window:
                if (server.load + server.surplus) * pace >= load and server is not best:
                    return best
        return next(self.order(number), None)

    def order(self, number: int) -> Iterator[C]:
        """The quickest of the cold ones first, the hot one last; then the next few in the same way."""
        for part in self._ring.parts(number):
            loads = {position: self._load(position) for position in part}
            most = sorted(loads.values())[-2] if len(part) == _FEW else inf
            for position in sorted(part, key=lambda one: (loads[one] > most, self._time(one))):
                yield self._paced[position][0]

    def _load(self, position: int) -> float:
        server, pace = self._paced[position]
        return (server.load + server.surplus) * pace

    def _time(self, position: int) -> float:
        """What one more request would take. A server of which nothing is known gets one, to find out."""
        server, pace = self._paced[position]
        count = server.load + server.surplus
        if not server.latency_s and count:
            return _UNKNOWN_S + count * pace
        return server.latency_s * (count + 1) * pace


def least_time(snapshot: Snapshot) -> LeastTime:
    """By effective weight."""
    return LeastTime({server.id: server.effective_weight for server in snapshot.eligible})


POLICIES["least_time"] = Policy(least_time, Numbers.RANDOM, by_load=True, by_latency=True)
