"""Events for those who watch: the last ones are kept, and a watcher waits for those after its own last."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from cluster_lb.store.bus import Hint


@dataclass(frozen=True, slots=True)
class Event:
    """A hint as this node heard it. `number` rises by one with each, from 1 at the node's start; `at_ms`:
    ms since 1970, for people."""

    number: int
    at_ms: int
    hint: Hint


class EventHub:
    """One for a node: `publish` never waits, and a slow watcher costs nothing but its own gap."""

    def __init__(self, keep: int = 256, wall: Callable[[], float] = time.time) -> None:
        self._events: deque[Event] = deque(maxlen=keep)
        self._last = 0
        self._wall = wall
        self._news = asyncio.Event()
        self.closed = False

    def publish(self, hint: Hint) -> None:
        """Keep the event and wake the watchers."""
        self._last += 1
        self._events.append(Event(self._last, int(self._wall() * 1000), hint))
        self._wake()

    def close(self) -> None:
        """End every watch, now and later."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def after(self, number: int, timeout_s: float) -> list[Event]:
        """The events after `number`, oldest first; waits for one. Empty after `timeout_s` or when closed.
        A number that was never given (the node started anew) counts as 0."""
        if number > self._last:
            number = 0
        if number == self._last and not self.closed:
            try:
                await asyncio.wait_for(self._news.wait(), timeout_s)
            except TimeoutError:
                return []
        return [event for event in self._events if event.number > number]
