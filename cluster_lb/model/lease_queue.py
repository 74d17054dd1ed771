"""Keys of rate limits that Redis is to be asked about, gathered so that many go in one round trip."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cluster_lb.model.token_bucket import TokenBucket

MAX_WAITING = 8192  # keys; of further ones a node decides as without Redis
MAX_BATCH = 512  # keys of one round trip: a few milliseconds of Redis' time


class LeaseQueue:
    """`wake` is called when there is something to ask. `is_cut_off`: whether nothing can be asked now."""

    __slots__ = ("_waiting", "_wake", "_watched", "is_cut_off")

    def __init__(self, wake: Callable[[], None], is_cut_off: Callable[[], bool]) -> None:
        self._wake = wake
        self.is_cut_off = is_cut_off
        self._waiting: list[TokenBucket] = []
        self._watched: set[TokenBucket] = set()

    def add(self, bucket: TokenBucket) -> bool:
        """Ask about `bucket` with the next batch; False when too many wait."""
        if len(self._waiting) >= MAX_WAITING:
            return False
        self._waiting.append(bucket)
        self._wake()
        return True

    def watch(self, bucket: TokenBucket) -> None:
        """Have `bucket` looked at by the timer until it is settled."""
        self._watched.add(bucket)

    def check(self, now: float) -> None:
        """The timer, a few times a second; `now` in monotonic seconds."""
        for bucket in tuple(self._watched):
            if bucket.is_settled():
                self._watched.discard(bucket)
            else:
                bucket.check(now)

    def next_batch(self) -> list[TokenBucket]:
        """Who is asked about now, longest waiting first."""
        batch = self._waiting[:MAX_BATCH]
        del self._waiting[:MAX_BATCH]
        return batch
