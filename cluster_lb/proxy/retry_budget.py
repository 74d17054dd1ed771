"""The retry budget of a pool: repeats must stay a small share of the requests, or they finish off servers
that are merely slow (Finagle's RetryBudget, Envoy's retry budget)."""

from __future__ import annotations

from collections import deque

WINDOW_S = 10.0  # Finagle's ttl
_MARK_S = 1.0


class RetryBudget:
    """Over the last WINDOW_S: at most `share` retries a request, and `floor_per_s` a second in any case.

    Requests are counted elsewhere and told with each tick, so that a request costs nothing here.
    """

    __slots__ = ("_marks", "_requests", "denied", "floor_per_s", "share", "spent")

    def __init__(self, share: float, floor_per_s: float, now: float) -> None:
        self.share = share
        self.floor_per_s = floor_per_s
        self.spent = 0
        self.denied = 0
        self._requests = 0
        self._marks = deque([(now, 0, 0)])  # time, requests and retries until then

    def on_tick(self, now: float, requests: int) -> None:
        """`requests`: exchanges that were ever begun."""
        self._requests = requests
        if now - self._marks[-1][0] >= _MARK_S:
            self._marks.append((now, requests, self.spent))
        while len(self._marks) > 1 and now - self._marks[1][0] >= WINDOW_S:
            self._marks.popleft()

    def spend(self) -> bool:
        """Whether one more retry is allowed; takes it if so."""
        _, requests, retries = self._marks[0]
        retried = self.spent - retries
        if retried < self.floor_per_s * WINDOW_S + self.share * (self._requests - requests):
            self.spent += 1
            return True
        self.denied += 1
        return False
