"""When to read which pool: at once, but not again before a gap; what is asked for meanwhile is not lost.

What takes a server out does not wait for a gap that other changes made: only for one that such a read made.
"""

from __future__ import annotations

MIN_GAP_S = 0.02  # a burst of changes costs one read each
GAP_FACTOR = 4  # a large pool: at most a fifth of the time goes into reading it


class Pacing:
    """Pools that want a read. Times in seconds, monotonic."""

    def __init__(self) -> None:
        self._wanted: dict[str, bool] = {}  # whether it is urgent; in the order in which they were asked for
        self._not_before: dict[tuple[str, bool], float] = {}  # of reads that are urgent, and of others
        self._rushed: set[str] = set()  # whose read under way is urgent

    def want(self, pool: str, *, urgent: bool = False) -> None:
        """`pool` wants a read that begins after now. `urgent`: a server must be taken out."""
        self._wanted[pool] = urgent or self._wanted.get(pool, False)

    def next_due(self, now: float) -> str | None:
        """The pool to read now, an urgent one first. It is wanted no longer, unless it is asked for again."""
        due = [pool for pool in self._wanted if self._due_at(pool) <= now]
        if not due:
            return None
        pool = max(due, key=self._wanted.__getitem__)  # of equals the first
        if self._wanted.pop(pool):
            self._rushed.add(pool)
        return pool

    def delay_s(self, now: float) -> float | None:
        """How long until one is due; None when none is wanted."""
        waits = [self._due_at(pool) - now for pool in self._wanted]
        return max(0.0, min(waits)) if waits else None

    def was_read(self, pool: str, began: float, ended: float) -> None:
        """Set the gap after a read."""
        until = max(began + MIN_GAP_S, ended + GAP_FACTOR * (ended - began))
        self._not_before[pool, False] = until
        if pool in self._rushed:
            self._rushed.remove(pool)
            self._not_before[pool, True] = until

    def _due_at(self, pool: str) -> float:
        return self._not_before.get((pool, self._wanted[pool]), float("-inf"))
