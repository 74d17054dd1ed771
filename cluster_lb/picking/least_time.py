"""least_time: the shortest expected time, among servers that are not hot.

B. Wydrowski and others, "Load is not what you should balance: introducing Prequal", NSDI 2024: of a few
servers those with more in flight than most are hot, and left out; of the cold ones the one with the lowest
latency is taken. Time is as in Finagle's PeakEwma: the latency times what would be in flight, for its
weight. So a slow server still gets what it can do, and requests are not all sent to the quickest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Generic

from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking.policy import POLICIES, C, Numbers, Policy
from cluster_lb.picking.ring import Ring

_FEW = 5  # are looked at, of which four are cold
_COLD = 0.8  # of them: hot is what has more in flight than the quantile 0.8 (Prequal)
_UNKNOWN_S = 1e6  # what a server without an estimate takes while its first request is under way


class LeastTime:
    """Server ids with their weights above 0."""

    __slots__ = ("_weights", "period")

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._weights = weights
        self.period = 0

    def bind(self, live: Mapping[str, C]) -> QuickestCold[C]:
        servers = [live[server_id] for server_id in self._weights]
        return QuickestCold(servers, [1 / weight for weight in self._weights.values()])


class QuickestCold(Generic[C]):
    """`_paces`: one over the weight. Servers and paces go round a little further than once, so that a few in
    a row are always a slice."""

    __slots__ = ("_last_cold", "_paces", "_ring", "_servers", "turns")

    def __init__(self, servers: Sequence[C], paces: Sequence[float]) -> None:
        self.turns: Sequence[C] = ()
        self._ring = ring = Ring(len(servers), _FEW)
        self._last_cold = _last_cold(ring.few)
        self._servers = [*servers, *servers[: ring.few]]
        self._paces = [*paces, *paces[: ring.few]]

    def first(self, number: int) -> C | None:
        ring = self._ring
        if not ring.size:
            return None
        start = ring.start(number)
        few, paces = self._servers[start : start + ring.few], self._paces[start : start + ring.few]
        loads = [(one.load + one.surplus) * pace for one, pace in zip(few, paces, strict=True)]
        most = sorted(loads)[self._last_cold]
        best, least = None, float("inf")
        for server, load, pace in zip(few, loads, paces, strict=True):
            if load <= most:
                latency_s = server.latency_s
                # As `_time` says, laid out flat: a call takes longer than the rest of the line.
                time = latency_s * (load + pace) if latency_s else load and _UNKNOWN_S + load
                if time < least:
                    best, least = server, time
        return best

    def order(self, number: int) -> Iterator[C]:
        """The quickest of the cold ones first, the hot ones last; then the next few in the same way."""
        for part in self._ring.parts(number):
            loads = {position: self._load(position) for position in part}
            most = sorted(loads.values())[_last_cold(len(part))]
            for position in sorted(part, key=lambda one: (loads[one] > most, self._time(one))):
                yield self._servers[position]

    def _load(self, position: int) -> float:
        server = self._servers[position]
        return (server.load + server.surplus) * self._paces[position]

    def _time(self, position: int) -> float:
        return _time(self._servers[position].latency_s, self._load(position), self._paces[position])


def _last_cold(count: int) -> int:
    """The place of the last cold one among so many, in the order of their loads."""
    return -int(-_COLD * count // 1) - 1


def _time(latency_s: float, load: float, pace: float) -> float:
    """What one more request would take. A server of which nothing is known gets one, to find out."""
    if latency_s:
        return latency_s * (load + pace)
    return _UNKNOWN_S + load if load else 0.0


def least_time(snapshot: Snapshot) -> LeastTime:
    """By effective weight."""
    return LeastTime({server.id: server.effective_weight for server in snapshot.eligible})


POLICIES["least_time"] = Policy(least_time, Numbers.RANDOM, by_load=True, by_latency=True)
