"""When a node probes a server: at its turns, which all nodes reckon alike.

Turns of an interval are at fixed moments of the wall clock, shifted by a phase that depends on the server
and on the prober's rank among its probers. So the k probers of a server keep an interval / k apart for as
long as they probe, and a prober that takes over goes on where the one before left off. Where clocks of nodes
differ, probes come closer together; nothing else follows from it.
"""

from __future__ import annotations

import asyncio
from random import Random

from cluster_lb.clock import Clock

JITTER = 0.1  # between two probes it is 90 % to 110 % of the interval, so that they do not resonate
LEAST = 0.4  # of an interval is between two turns: neither jitter nor a clock that is set makes one turn two


def until_turn(wall: float, phase: float, interval_s: float) -> float:
    """Seconds from `wall` to the next turn, at most one interval. `phase`: 0..1 of an interval."""
    return interval_s - (wall - phase * interval_s) % interval_s


class Rhythm:
    """The turns of one node at one server. `phase` may change: the turn that is awaited still comes, so that
    a server has no gap while its probers change places."""

    def __init__(self, phase: float, clock: Clock, random: Random) -> None:
        self.phase = phase
        self._clock = clock
        self._random = random
        self._last: float | None = None  # monotonic time of the turn before, without its jitter

    async def turn(self, interval_s: float) -> None:
        """Return at the next turn."""
        self._last = self._next(interval_s)
        due = self._last + interval_s * self._random.uniform(-JITTER / 2, JITTER / 2)
        await asyncio.sleep(max(0.0, due - self._clock.monotonic()))

    def _next(self, interval_s: float) -> float:
        now = self._clock.monotonic()
        start = now if self._last is None else max(now, self._last + interval_s * LEAST)
        return start + until_turn(start + self._clock.wall() - now, self.phase, interval_s)
