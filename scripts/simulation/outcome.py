"""What came of a run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean


def percentile(ascending: Sequence[float], share: float) -> float:
    """The value that `share` (0..1) of the values do not exceed; 0 without values."""
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)] if ascending else 0.0


def share_error(picks: Counter[str], weights: Mapping[str, int]) -> float:
    """See `Figures`; where servers were to be picked by these weights all the time."""
    each = picks.total() / sum(weights.values())
    return max(abs(picks[name] - each * weight) for name, weight in weights.items())


@dataclass(frozen=True)
class Figures:
    """Latencies in milliseconds. `worst`: attempts in flight for each slot on the server that had most, the
    mean over the run; `peak`: the most at any time. `share_error`: requests by which the server that is
    furthest off its exact share is off. `failed`, `retried`: shares of the requests, 0..1."""

    p50_ms: float
    p99_ms: float
    max_ms: float
    worst: float
    peak: float
    share_error: float
    failed: float
    retried: float


@dataclass
class Outcome:
    """`latencies`: seconds, of the requests served that arrived after `warm_s`. `loads`: at each look, the
    least, mean and greatest number of attempts in flight for each slot."""

    warm_s: float = 0.0
    latencies: list[float] = field(default_factory=list)
    loads: list[tuple[float, float, float]] = field(default_factory=list)
    served: int = 0
    failed: int = 0
    retried: int = 0

    def serve(self, arrived: float, now: float) -> None:
        """A request that arrived then is served now."""
        self.served += 1
        if arrived >= self.warm_s:
            self.latencies.append(now - arrived)

    def look(self, fullness: Sequence[float]) -> None:
        """Note what the servers have in flight for each slot."""
        self.loads.append((min(fullness), fmean(fullness), max(fullness)))

    def figures(self, share_error: float) -> Figures:
        """The summary."""
        ascending = sorted(self.latencies)
        worst = [greatest for _, _, greatest in self.loads]
        requests = max(1, self.served + self.failed)
        p50, p99, longest = (1000 * percentile(ascending, share) for share in (0.5, 0.99, 1.0))
        return Figures(
            p50,
            p99,
            longest,
            fmean(worst) if worst else 0.0,
            max(worst, default=0.0),
            share_error,
            self.failed / requests,
            self.retried / requests,
        )
