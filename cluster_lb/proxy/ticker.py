"""One coarse tick for every timeout of the data path: connections carry the time of their last activity,
and the tick looks at all of them. No request ever sets a timer.

Looking at one connection costs well under a microsecond, so ten thousand idle ones cost a few milliseconds a
second; in exchange a timeout may come up to one tick late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cluster_lb.clock import Clock

TICK_S = 0.25


class Ticker:
    """`now` is the monotonic time of the last tick, in seconds: good enough to stamp activity with."""

    __slots__ = ("_clock", "_handle", "_watchers", "now")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._watchers: list[Callable[[float], None]] = []
        self._handle: asyncio.TimerHandle | None = None
        self.now = clock.monotonic()

    def watch(self, watcher: Callable[[float], None]) -> None:
        """Have `watcher(now)` called on each tick."""
        self._watchers.append(watcher)

    def start(self) -> None:
        self._handle = asyncio.get_running_loop().call_later(TICK_S, self._on_time)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def tick(self) -> None:
        """Advance `now` and call the watchers."""
        self.now = self._clock.monotonic()
        for watcher in self._watchers:
            watcher(self.now)

    def _on_time(self) -> None:
        self.start()
        self.tick()
