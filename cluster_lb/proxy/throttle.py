"""A bound on events that one cause may raise by the thousand: a long outage must not flood the log."""

from __future__ import annotations

import structlog

_log = structlog.get_logger("proxy")

MAX_EVENTS = 10  # of a kind in a window (Linux' printk: 10 in 5 s)
WINDOW_S = 1.0


class Throttle:
    """Allows so many events of the kind `event` in a window, and then tells how many it left out."""

    __slots__ = ("_event", "_seen", "_since")

    def __init__(self, event: str) -> None:
        self._event = event
        self._seen = 0
        self._since: float | None = None

    def allows(self) -> bool:
        """Whether one more event may be logged now."""
        self._seen += 1
        return self._seen <= MAX_EVENTS

    def on_tick(self, now: float) -> None:
        """The tick: begin the next window where this one is over. `now`: monotonic seconds."""
        if self._since is None:
            self._since = now
        if now - self._since < WINDOW_S:
            return
        left_out = self._seen - MAX_EVENTS
        if left_out > 0:
            _log.warning("events left out", of=self._event, left_out=left_out)
        self._seen = 0
        self._since = now
