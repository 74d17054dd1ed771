"""The access log: a line an exchange, formatted when it settles, written in batches."""

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
        self._held: list[bytes] = []
        self._sampler = Sampler(sample, random or Random())
        self._slow_s = slow_s
        self.exchange = self._take if sample == 1 else self._take_or_leave
        self._form.set_time(clock.wall())

    @property
    def lost(self) -> int:
        """Lines that could not be written."""
        return self._file.lost

    def _take(self, exchange: Exchange, server: LiveServer | None, elapsed: float) -> None:
        held, line = self._held, self._line  # not self._line(...): CPython would look for a method first
        held.append(line(exchange, server, elapsed))
        if len(held) >= _MAX_BATCH:
            self.flush()

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
        self._held.append(self._form.refusal(peer, status, reason))
        if len(self._held) >= _MAX_BATCH:
            self.flush()

    def on_tick(self, now: float) -> None:
        self.flush()
        self._form.set_time(self._clock.wall())

    def flush(self) -> None:
        """Write what is held."""
        if self._held:
            form = self._form
            between = b"%b\n%b" % (form.suffix, form.prefix)
            self._file.write(b"%b%b%b\n" % (form.prefix, between.join(self._held), form.suffix))
            self._held.clear()

    def reopen(self) -> None:
        """Write what is held to the old file and go on in a new one of the same name."""
        self.flush()
        self._file.reopen()

    def close(self) -> None:
        """The end: nothing is held back."""
        self.flush()
        self._file.close()
