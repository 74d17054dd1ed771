"""Latencies of many requests, put into a few figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import fmean


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds; percentiles by nearest rank."""

    mean: float
    p50: float
    p95: float
    p99: float
    max: float


def figures(seconds: Sequence[float]) -> Figures:
    """The figures of at least one latency."""
    ordered = sorted(second * 1000 for second in seconds)

    def percentile(share: float) -> float:
        return ordered[ceil(share * len(ordered)) - 1]

    return Figures(fmean(ordered), percentile(0.50), percentile(0.95), percentile(0.99), ordered[-1])
