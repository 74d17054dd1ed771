"""How long a server takes for a request. All have a mean of 1: a scenario says how many seconds that is."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

Service = Callable[[Random], float]

SIGMA = 1.5  # of the heavy tail: one request in a hundred takes over ten times the mean


def constant(random: Random) -> float:
    """Each request alike."""
    return 1.0


def exponential(random: Random) -> float:
    """The M of queueing theory."""
    return random.expovariate(1.0)


def heavy_tail(random: Random) -> float:
    """Log-normal: most requests are short, a few very long."""
    return random.lognormvariate(-SIGMA * SIGMA / 2, SIGMA)
