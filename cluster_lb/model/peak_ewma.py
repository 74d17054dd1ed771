"""Peak EWMA: an average that takes a rise at once and forgets it slowly (Finagle's PeakEwma)."""

from __future__ import annotations

from math import exp

DECAY_S = 10.0  # a value counts e times less after so long (Finagle's decayTime)


def freshness(age_s: float) -> float:
    """What an estimate of that age is worth, 1 to 0; one that is left alone fades to nothing, so that what it
    spoke against is tried again."""
    return exp(-age_s / DECAY_S)


def with_peak(estimate: float, age_s: float, value: float) -> float:
    """The estimate of `age_s` ago, with a new value taken in."""
    if value > estimate:
        return value
    weight = freshness(age_s)
    return estimate * weight + value * (1 - weight)
