"""Measured shares beside the exact ones. They can only be compared while the set of servers stays the same,
so they are counted from its last change on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from cluster_lb.demo.watch import Sight


class Shares:
    """`observe` each sight with all requests so far, by server."""

    def __init__(self) -> None:
        self._exact: Mapping[str, float] = {}
        self._base: Counter[str] = Counter()
        self._now: Counter[str] = Counter()

    def observe(self, sight: Sight, by_server: Mapping[str, int]) -> None:
        """Count anew where the exact shares changed."""
        self._now = Counter(by_server)
        if dict(sight.shares) != dict(self._exact):
            self._exact = dict(sight.shares)
            self._base = Counter(by_server)

    def of(self, server_id: str) -> tuple[float, float]:
        """The measured and the exact share (0..1) of a server."""
        served = self._now - self._base
        total = served.total()
        return (served[server_id] / total if total else 0.0), self._exact.get(server_id, 0.0)
