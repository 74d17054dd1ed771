"""Slow start: what part of its weight a server has that came into a running pool.

    part = max(min_percent, t^(1 / aggression))    t: share of `duration` that has passed (Envoy's formula)

in steps of 10 %, so that a warm-up costs few epochs. What warming servers do not take falls to the warm
ones. None of those may get more than 1.5 times its share of a pool without slow start, so the warming ones
have at least the part with which that holds,

    (all / 1.5 - warm) / warming                   weights of the servers that take new exchanges
"""

from __future__ import annotations

import math
from dataclasses import dataclass

STEP = 10  # percent
SURPLUS_PERCENT = 150


@dataclass(frozen=True, slots=True)
class Ramp:
    """`duration_ms` 0: no slow start. `min_percent`: 1..100."""

    duration_ms: float = 0.0
    aggression: float = 1.0
    min_percent: float = 10.0

    def part(self, elapsed_ms: float) -> float:
        """0..1, after so long."""
        share = min(max(elapsed_ms / self.duration_ms, 0.0), 1.0)
        grown = math.pow(share, 1 / self.aggression)
        return max(self.min_percent / 100, math.floor(grown * 100 / STEP + 1e-9) * STEP / 100)


def least_part(warm: float, warming: float) -> float:
    """The part that caps the surplus of warm servers; both are sums of weights, `warming` above 0."""
    return ((warm + warming) * 100 / SURPLUS_PERCENT - warm) / warming
