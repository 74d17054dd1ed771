"""The clock of a simulation: what is due next happens next."""

from __future__ import annotations

import math
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any


class Events:
    """`now`: seconds since the beginning. What is due at one moment happens in the order it was added."""

    __slots__ = ("_added", "_due", "now")

    def __init__(self) -> None:
        self.now = 0.0
        self._added = 0
        self._due: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []

    def after(self, delay_s: float, action: Callable[..., None], *arguments: Any) -> None:
        """Have `action(*arguments)` called `delay_s` (0 or more) from now."""
        self._added += 1
        heappush(self._due, (self.now + delay_s, self._added, action, arguments))

    def run(self, until: float = math.inf) -> None:
        """Let happen what is due before `until`, which is `now` then; by default, until nothing is due."""
        due = self._due
        while due and due[0][0] < until:
            self.now, _, action, arguments = heappop(due)
            action(*arguments)
        if until < math.inf:
            self.now = until
