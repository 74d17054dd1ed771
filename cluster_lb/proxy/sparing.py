"""A log line that anybody out there can cause: written at most so often, with the count of those left out."""

from __future__ import annotations

from collections.abc import Callable

import structlog

_log = structlog.get_logger("listener")

LINE_EVERY_S = 1.0  # a flood of bad connections must not become a flood of lines


class SparingLog:
    """Writes `event` at level info. `now()` is a monotonic time, seconds."""

    def __init__(self, event: str, now: Callable[[], float]) -> None:
        self._event = event
        self._now = now
        self._next = now()
        self._left_out = 0

    def write(self, **fields: object) -> None:
        now = self._now()
        if now < self._next:
            self._left_out += 1
            return
        self._next = now + LINE_EVERY_S
        more = {"left_out": self._left_out} if self._left_out else {}
        _log.info(self._event, **fields, **more)
        self._left_out = 0
