"""The forms of an access line: text, JSON, and the combined form of NCSA servers.

A line is made for each request, so what repeats is made once: the part from the status to the byte counts
for each server and status, numbers and times as tables of bytes. A line is then one join of ready pieces.
docs/logging.md tells each field.

No request can forge a line or a field: a request line is visible ASCII (`wire.request_head`), and of that a
quote and a backslash alone mean something in a line. A line that has one is made with more care.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from functools import cache
from math import floor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cluster_lb.proxy.exchange import Exchange
    from cluster_lb.proxy.server import LiveServer

QUOTE, BACKSLASH = 34, 92  # an int in bytes is one memchr; bytes in bytes cost CPython ten times as much
_VERSION = len(b" HTTP/1.1\r\n")
_PEERS = 4096  # client addresses that are at hand as bytes; with more of them they are begun anew

# Up to 4 KiB, and up to 50 ms in steps of 10 us: what is beyond costs far more than its line.
_NUMBERS = [b"%d" % number for number in range(4096)]
_TIMES = 5000
_TIMES_A_SECOND = 100_000

_join = b"".join
_unsafe = re.compile(rb"[^ !#-\[\]-~]")


def escaped(data: bytes) -> bytes:
    """`data` without a byte that could end a quoted field or a line, as nginx writes it."""
    return _unsafe.sub(lambda match: b"\\x%02X" % match[0][0], data)


def json_escaped(data: bytes) -> bytes:
    """The inside of a JSON string."""
    return json.dumps(data.decode("latin-1"))[1:-1].encode("ascii")


class Lines(ABC):
    """One form.

    `prefix`, `suffix`: what each line of this moment has before and behind what `line` gives, so that it
    need not be repeated there.
    """

    prefix = b""
    suffix = b""

    @abstractmethod
    def set_time(self, wall: float) -> None:
        """The time of the lines that follow, in seconds since 1970."""

    @abstractmethod
    def line(self, exchange: Exchange, server: LiveServer | None, elapsed: float) -> bytes:
        """The line of a settled exchange that took `elapsed` seconds; `server`: None where there was none."""

    @abstractmethod
    def refusal(self, peer: str, status: int, reason: str) -> bytes:
        """The line of a request that was refused before it was an exchange."""

    def line_with_id(self, exchange: Exchange, server: LiveServer | None, elapsed: float) -> bytes:
        """The same where requests may have ids, for forms that have a place for them."""
        return self.line(exchange, server, elapsed)


@cache
def _times(form: bytes) -> list[bytes]:
    """The end of a line by time, in steps of 10 microseconds."""
    return [form % (step / 100, step / 100) for step in range(_TIMES)]


class FieldLines(Lines):
    """Our own forms, which have the same fields. The templates take bytes and numbers in this order:
    peer; status, pool, server, attempts, bytes in; first byte and total in milliseconds; request id."""

    peer_form: bytes
    tail_form: bytes
    times_form: bytes
    id_form: bytes

    def __init__(self) -> None:
        self._peers: dict[str, bytes] = {}
        self._times = _times(self.times_form)
        self._last = self._last_text = b""  # request line, and what its access line says of it

    def line(self, exchange: Exchange, server: LiveServer | None, elapsed: float) -> bytes:
        if exchange.attempts != 1 or exchange.first_byte_at or exchange.body_bytes or server is None:
            return self._any_line(exchange, server, elapsed)
        request = exchange.request_line
        if request is not self._last:  # the same object, where a client repeats itself
            if QUOTE in request or BACKSLASH in request:
                return self._any_line(exchange, server, elapsed)
            self._last, self._last_text = request, request[:-_VERSION]
        try:
            return _join(
                (
                    self._peers[exchange.client.peer],
                    self._last_text,
                    server.log_tails[exchange.status],
                    _NUMBERS[exchange.response_bytes],
                    self._times[floor(elapsed * _TIMES_A_SECOND)],
                )
            )
        except LookupError:  # not seen yet, or beyond the tables
            return self._any_line(exchange, server, elapsed)

    def line_with_id(self, exchange: Exchange, server: LiveServer | None, elapsed: float) -> bytes:
        line = self.line(exchange, server, elapsed)
        return line + self.id_form % exchange.request_id if exchange.request_id else line

    def _any_line(self, exchange: Exchange, server: LiveServer | None, elapsed: float) -> bytes:
        """The same for every exchange; leaves behind what the next line of its kind is joined from."""
        if server is not None:
            server.log_tails[exchange.status] = self._tail(exchange, server.id, 1, 0)
        total_ms = elapsed * 1000
        first_ms = (exchange.first_byte_at - exchange.started) * 1000 if exchange.first_byte_at else total_ms
        return _join(
            (
                self._peer(exchange.client.peer),
                self._request(exchange.request_line),
                self._tail(exchange, server.id if server else "-", exchange.attempts, exchange.body_bytes),
                b"%d" % exchange.response_bytes,
                self.times_form % (first_ms, total_ms),
            )
        )

    def _peer(self, peer: str) -> bytes:
        if len(self._peers) >= _PEERS:
            self._peers.clear()
        self._peers[peer] = found = self.peer_form % json_escaped(peer.encode("latin-1", "replace"))
        return found

    def _tail(self, exchange: Exchange, server_id: str, attempts: int, body_bytes: int) -> bytes:
        pool = exchange.pool.name.encode("ascii")
        return self.tail_form % (exchange.status, pool, server_id.encode("ascii"), attempts, body_bytes)

    @abstractmethod
    def _request(self, request_line: bytes) -> bytes:
        """Method and path, whatever bytes they are."""


class TextLines(FieldLines):
    """For people, and for `cut` and `awk`."""

    peer_form = b'%b "'
    tail_form = b'" %d %b/%b attempts=%d in=%d out='
    times_form = b" first_byte=%.2fms total=%.2fms"
    id_form = b" request_id=%b"

    def set_time(self, wall: float) -> None:
        self.prefix = _iso(wall) + b" "

    def refusal(self, peer: str, status: int, reason: str) -> bytes:
        return self._peer(peer) + b'-" %d -/- reason="%b"' % (status, escaped(reason.encode()))

    def _request(self, request_line: bytes) -> bytes:
        return escaped(request_line[:-_VERSION])


class JSONLines(FieldLines):
    """One object a line."""

    suffix = b"}"
    peer_form = b'"client":"%b","method":"'
    tail_form = b'","status":%d,"pool":"%b","server":"%b","attempts":%d,"bytes_in":%d,"bytes_out":'
    times_form = b',"first_byte_ms":%.2f,"total_ms":%.2f'
    id_form = b',"request_id":"%b"'
    _between = b'","path":"'

    def set_time(self, wall: float) -> None:
        self.prefix = b'{"time":"%b",' % _iso(wall)

    def line(self, exchange: Exchange, server: LiveServer | None, elapsed: float) -> bytes:
        # The first space is the one behind the method: nothing before the request line has one.
        # Named, not super(): that is a call more on each line.
        return FieldLines.line(self, exchange, server, elapsed).replace(b" ", self._between, 1)

    def refusal(self, peer: str, status: int, reason: str) -> bytes:
        client = json_escaped(peer.encode("latin-1", "replace"))
        return b'"client":"%b","status":%d,"reason":"%b"' % (client, status, json_escaped(reason.encode()))

    def _request(self, request_line: bytes) -> bytes:
        return json_escaped(request_line[:-_VERSION])


def _iso(wall: float) -> bytes:
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").encode("ascii")
