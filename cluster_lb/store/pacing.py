"""When to read which pool: at once, but not again before a gap; what is asked for meanwhile is not lost."""

from __future__ import annotations

MIN_GAP_S = 0.02  # a burst of changes costs one read each
GAP_FACTOR = 4  # a large pool: at most a fifth of the time goes into reading it


class Pacing:
    """Pools that want a read. Times in seconds, monotonic."""

    def __init__(self) -> None:
        self._wanted: set[str] = set()
        self._not_before: dict[str, float] = {}

    def want(self, pool: str) -> None:
        """`pool` wants a read that begins after now."""
        self._wanted.add(pool)

    def due(self, now: float) -> list[str]:
        """The pools to read now. Each is wanted no longer, unless it is asked for again."""
        due = sorted(pool for pool in self._wanted if self._not_before.get(pool, now) <= now)
        self._wanted.difference_update(due)
        return due

    def delay_s(self, now: float) -> float | None:
        """How long until one is due; None when none is wanted."""
        waits = [self._not_before.get(pool, now) - now for pool in self._wanted]
        return max(0.0, min(waits)) if waits else None

    def was_read(self, pool: str, began: float, ended: float) -> None:
        """Set the gap after a read."""
        self._not_before[pool] = max(began + MIN_GAP_S, ended + GAP_FACTOR * (ended - began))
