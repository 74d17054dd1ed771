"""A share of many, chosen as if a coin was thrown for each, at the cost of a subtraction."""

from __future__ import annotations

import math
from random import Random


class Sampler:
    """Takes each with probability `share`, independent of the others: a fixed step would see every time the
    same one of requests that alternate. What is drawn is how many to leave out until the next one, and that
    is one draw for each one taken (Vitter's skips)."""

    __slots__ = ("_left", "_log_rest", "_random", "_share")

    def __init__(self, share: float, random: Random) -> None:
        self._share = share
        self._random = random
        self._log_rest = math.log1p(-share) if share < 1 else 0.0
        self._left = self._draw()

    def takes(self) -> bool:
        """Whether the next one is of the share."""
        self._left -= 1
        if self._left > 0:
            return False
        self._left = self._draw()
        return True

    def _draw(self) -> float:
        """How far away the next one is, from 1 (geometric distribution)."""
        if self._share <= 0:
            return math.inf
        if self._share >= 1:
            return 1
        return 1 + math.floor(math.log(1.0 - self._random.random()) / self._log_rest)
