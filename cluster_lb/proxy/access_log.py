"""The access log: a line an exchange, made and written in batches.

An exchange that has settled is put aside, and the lines of some are made one right after the other: that
takes a third of what each takes alone, between two requests, where neither its code nor its tables are at
hand for the processor.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from cluster_lb.clock import Clock
from cluster_lb.proxy.access_lines import JSONLines, Lines, TextLines
from cluster_lb.proxy.combined_lines import CombinedLines
from cluster_lb.proxy.log_file import LogFile
from cluster_lb.proxy.sampling import Sampler
from cluster_lb.settings.logging import AccessLogForm

if TYPE_CHECKING:
    from cluster_lb.proxy.exchange import Exchange
    from cluster_lb.proxy.server import LiveServer

_MAX_HELD = 64  # exchanges whose lines are not made yet
_MAX_BATCH = 512  # lines held back between two ticks

_FORMS: dict[AccessLogForm, Callable[[], Lines]] = {
    AccessLogForm.TEXT: TextLines,
    AccessLogForm.JSON: JSONLines,
    AccessLogForm.COMBINED: CombinedLines,
}


class AccessLog:
    """Writes lines on each tick, or when a batch is full. The time of a line is that of the tick before it:
    one clock reading a tick, not one a request.

    `exchange(exchange, server, elapsed)` takes the line of a settled exchange (seconds; no server: None),
    or leaves it out: with `sample` below 1 only such a share is logged of what neither failed nor took
    `slow_s`. `request_ids`: requests may have ids, which are a field then. Raises SettingsError when `path`
    cannot be opened.
    """

    def __init__(
        self,
        form: AccessLogForm,
        path: str,
        clock: Clock,
        *,
        sample: float = 1.0,
        slow_s: float = 0.5,
        request_ids: bool = False,
        random: Random | None = None,
    ) -> None:
        self._file = LogFile(path)
        self._form = _FORMS[form]()
        self._clock = clock
        self._line = self._form.line_with_id if request_ids else self._form.line
        self._held: list[tuple[Exchange, LiveServer | None, float]] = []
        self._lines: list[bytes] = []  # of what happened before what is held
        self._sampler = Sampler(sample, random or Random())
        self._slow_s = slow_s
        self.exchange = self._take if sample == 1 else self._take_or_leave
        self._form.set_time(clock.wall())

    @property
    def lost(self) -> int:
        """Lines that could not be written."""
        return self._file.lost

    def _take(self, exchange: Exchange, server: LiveServer | None, elapsed: float) -> None:
        held = self._held
        held.append((exchange, server, elapsed))
        if len(held) >= _MAX_HELD or exchange.body_bytes:  # of which it may keep much
            self._make_lines()

    def _take_or_leave(self, exchange: Exchange, server: LiveServer | None, elapsed: float) -> None:
        if (
            self._sampler.takes()
            or exchange.status >= 500
            or exchange.failure is not None
            or elapsed >= self._slow_s
        ):
            self._take(exchange, server, elapsed)

    def refusal(self, peer: str, status: int, reason: str) -> None:
        """The line of a request that was refused before it was an exchange."""
        self._make_lines()
        self._lines.append(self._form.refusal(peer, status, reason))
        if len(self._lines) >= _MAX_BATCH:
            self._write()

    def on_tick(self, now: float) -> None:
        self.flush()
        self._form.set_time(self._clock.wall())

    def flush(self) -> None:
        """Write what is held."""
        self._make_lines()
        if self._lines:
            self._write()

    def reopen(self) -> None:
        """Write what is held to the old file and go on in a new one of the same name."""
        self.flush()
        self._file.reopen()

    def close(self) -> None:
        """The end: nothing is held back."""
        self.flush()
        self._file.close()

    def _make_lines(self) -> None:
        held, lines, line = self._held, self._lines, self._line
        lines += [line(exchange, server, elapsed) for exchange, server, elapsed in held]
        held.clear()
        if len(lines) >= _MAX_BATCH:
            self._write()

    def _write(self) -> None:
        form = self._form
        between = b"%b\n%b" % (form.suffix, form.prefix)
        self._file.write(b"%b%b%b\n" % (form.prefix, between.join(self._lines), form.suffix))
        self._lines.clear()
