"""The access log: one line an exchange, as text or JSON, written in batches."""

from __future__ import annotations

import json
import os
import select
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from cluster_lb.clock import Clock
from cluster_lb.settings.schema import AccessLog

if TYPE_CHECKING:
    from cluster_lb.proxy.exchange import Exchange

_log = structlog.get_logger("access_log")

_MAX_BATCH = 512  # lines held back between two ticks


class AccessLogWriter:
    """Formats lines and writes them to the file descriptor `fd` on each tick, or when a batch is full.

    The time of a line is that of its batch's tick: one clock reading a tick, not one a request.
    """

    def __init__(self, form: AccessLog, fd: int, clock: Clock) -> None:
        self._json = form is AccessLog.JSON
        self._fd = fd
        self._clock = clock
        self._lines: list[str] = []
        self._stamp = ""
        self._broken = False
        self._read_clock()

    def exchange(self, exchange: Exchange, server_id: str, elapsed: float) -> None:
        """The line of a settled exchange."""
        method, path, _ = exchange.request_line.decode("ascii").split(" ")
        total_ms = elapsed * 1000
        first_ms = (exchange.first_byte_at - exchange.started) * 1000 if exchange.first_byte_at else total_ms
        if self._json:
            line = json.dumps(
                {
                    "time": self._stamp,
                    "client": exchange.client.peer,
                    "method": method,
                    "path": path,
                    "status": exchange.status,
                    "pool": exchange.pool.name,
                    "server": server_id,
                    "attempts": exchange.attempts,
                    "bytes_in": exchange.body_bytes,
                    "bytes_out": exchange.response_bytes,
                    "first_byte_ms": round(first_ms, 2),
                    "total_ms": round(total_ms, 2),
                }
            )
        else:
            path = path.replace('"', "%22")  # the line's own quotes must not end early
            line = (
                f'{self._stamp} {exchange.client.peer} "{method} {path}" {exchange.status} '
                f"{exchange.pool.name}/{server_id} attempts={exchange.attempts} in={exchange.body_bytes} "
                f"out={exchange.response_bytes} first_byte={first_ms:.2f}ms total={total_ms:.2f}ms"
            )
        self._add(line)

    def refusal(self, peer: str, status: int, reason: str) -> None:
        """The line of a request that was refused before it was an exchange."""
        if self._json:
            self._add(json.dumps({"time": self._stamp, "client": peer, "status": status, "reason": reason}))
        else:
            self._add(f'{self._stamp} {peer} "-" {status} -/- reason="{reason}"')

    def _add(self, line: str) -> None:
        self._lines.append(line)
        if len(self._lines) >= _MAX_BATCH:
            self.flush()

    def _read_clock(self) -> None:
        self._stamp = datetime.fromtimestamp(self._clock.wall(), UTC).isoformat(timespec="milliseconds")

    def on_tick(self, now: float) -> None:
        self.flush()
        self._read_clock()

    def flush(self) -> None:
        """Write what is held. A log that cannot be written never stops traffic: it is reported once."""
        if not self._lines:
            return
        data = ("\n".join(self._lines) + "\n").encode("utf-8", "backslashreplace")
        self._lines.clear()
        try:
            while data:
                if not select.select([], [self._fd], [], 0)[1]:
                    raise BlockingIOError("nobody reads it")
                # A pipe that is ready takes so much without blocking.
                data = data[os.write(self._fd, data[: select.PIPE_BUF]) :]
            self._broken = False
        except OSError as error:
            if not self._broken:
                self._broken = True
                _log.error("access log cannot be written; lines are lost until it can", error=str(error))
