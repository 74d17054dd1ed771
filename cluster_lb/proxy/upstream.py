"""One connection to a server. It reads responses; the exchange that it works for decides."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import TYPE_CHECKING, cast

from cluster_lb.proxy import failures
from cluster_lb.proxy.outcomes import FIRST_5XX
from cluster_lb.wire.chunked import ChunkScanner
from cluster_lb.wire.errors import BadResponseError
from cluster_lb.wire.framing import Framing
from cluster_lb.wire.response_head import ResponseHead, check_begun_head, parse_response_head

if TYPE_CHECKING:
    from cluster_lb.proxy.exchange import Exchange
    from cluster_lb.proxy.server import LiveServer

MAX_RESPONSE_HEAD_BYTES = 64 * 1024  # twice the request's: cookies and policies add up (Envoy: 60 KiB)
# 1xx before the final response: as much as one head may be, and each counts for 4 KiB at least, so there are
# 16 at most. More is a flood.
MAX_INTERIM_BYTES = MAX_RESPONSE_HEAD_BYTES
_MIN_INTERIM_BYTES = 4096


class ResponseMemo:
    """A response head as it came, and its analysis. Servers repeat themselves: the next head is often the
    same bytes, and comparing is far cheaper than parsing."""

    __slots__ = (
        "as_it_came",
        "closing",
        "edited",
        "framing",
        "head",
        "length",
        "plain",
        "raw",
        "raw_bytes",
        "reusable",
        "status",
        "whole_bytes",
    )

    def __init__(self, raw: bytes, head: ResponseHead, looked_at: Collection[int] = ()) -> None:
        self.raw = raw
        self.head = head
        self.edited: tuple[object, bytes] | None = None  # what a route's edits, the key, made of it last
        self.status = head.status
        self.framing = head.framing_for(b"GET")
        self.length = head.length
        self.reusable = head.reusable
        # The head for a client that needs no further line. What a server says of its connection is no more
        # than HTTP/1.1 says by itself; as a word of ours it is as true, so that it need not be cut out.
        self.as_it_came = head.says_keep_alive or head.forward == raw[:-2]
        self.plain = raw if self.as_it_came else head.forward + b"\r\n"
        self.closing = head.forward + b"Connection: close\r\n\r\n"  # and for one whose last response it is
        self.raw_bytes = len(raw)
        # What head and body are together, where the connection can be used again after them, and the status
        # is not one to be looked at, such as those that may be repeated; else never.
        bounded = head.reusable and self.framing in (Framing.NONE, Framing.LENGTH) and head.status >= 200
        bounded = bounded and head.status not in looked_at
        self.whole_bytes = (
            len(raw) + (head.length if self.framing is Framing.LENGTH else 0) if bounded else -1
        )


_NO_HEAD = ResponseHead(500, Framing.NONE, 0, False, b"", b"", 1, False)
NO_MEMO = ResponseMemo(b"\0", _NO_HEAD)  # of no head that ever came


class UpstreamConnection(asyncio.Protocol):
    """One connection to `server`. `exchange` is whom it works for, None while it is kept idle.

    `since`: coarse monotonic time of its last activity, seconds. `kept`: it has served an exchange before.
    """

    __slots__ = (
        "_framing",
        "_held",
        "_interim_bytes",
        "_left",
        "_paused",
        "_responding",
        "_reusable",
        "_scanner",
        "exchange",
        "kept",
        "open",
        "server",
        "since",
        "transport",
        "write_paused",
    )
    transport: asyncio.Transport

    def __init__(self, server: LiveServer) -> None:
        self.server = server
        self.exchange: Exchange | None = None
        self.kept = False
        self.open = False
        self.since = server.pool.ticker.now
        self.write_paused = False
        self._paused = False
        self._held = b""
        self._responding = False
        self._interim_bytes = 0
        self._left = 0
        self._framing = Framing.NONE
        self._reusable = True
        self._scanner: ChunkScanner | None = None

    def __repr__(self) -> str:
        doing = f"serves {self.exchange!r}" if self.exchange else "idle"
        return f"<UpstreamConnection to {self.server.id} {doing}>"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's has the methods, not the base class
        self.open = True
        self.server.connections += 1

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:
            self.server.forget(self)  # nobody asked: never let it reach the next client
            self.close()
            return
        memo = self.server.memo
        if (
            len(data) == memo.whole_bytes
            and exchange.simple
            and data[: memo.raw_bytes] == memo.raw
            and not (self._responding or self._held or self._paused or self.write_paused)
        ):
            # The common path: a whole response under the same head as the server's last one.
            self.exchange = None
            self._interim_bytes = 0
            self.server.release(self)
            exchange.on_whole_response(memo, data)
        elif self._responding:
            self.since = self.server.pool.ticker.now
            self._body(exchange, data)
        else:
            self._head(exchange, data)

    def _head(self, exchange: Exchange, data: bytes) -> None:
        """Bytes of a head that is not complete yet, or not the one seen before."""
        self.since = self.server.pool.ticker.now
        data = self._held + data
        self._held = b""
        memo = self._parse_head(exchange, data)
        if memo is None:
            return
        rest = data[memo.raw_bytes :]
        if memo.status < 200:
            self._interim(exchange, memo, rest)
            return
        if memo.status >= FIRST_5XX and self.server.outcomes is not None:
            self.server.outcomes.on_5xx(memo.status, self.server.successes)
        if memo.status in exchange.rules.retry_statuses and exchange.repeats_status(memo.status):
            self.abandon()
            return
        framing = memo.head.framing_for(exchange.method)
        self._reusable = memo.reusable
        self._responding = True
        self._framing = framing
        self._left = memo.length
        self._scanner = ChunkScanner() if framing is Framing.CHUNKED else None
        exchange.on_response_head(memo, framing)
        if self.exchange is not None:
            self._body(exchange, rest)

    def _parse_head(self, exchange: Exchange, data: bytes) -> ResponseMemo | None:
        """The head at the start of `data`; None when there is none yet, or none that is valid."""
        known = self.server.memo
        if known is not NO_MEMO and data.startswith(known.raw):
            return known
        end = data.find(b"\r\n\r\n") + 4
        if end > MAX_RESPONSE_HEAD_BYTES or (end < 4 and len(data) > MAX_RESPONSE_HEAD_BYTES):
            self._fail(exchange, failures.BAD_RESPONSE.because("head is too large"))
            return None
        raw = data[:end]
        try:
            if end < 4:
                check_begun_head(data)
                self._held = data
                return None
            memo = ResponseMemo(raw, parse_response_head(raw), self.server.pool.looked_at)
        except BadResponseError as error:
            self._fail(exchange, failures.BAD_RESPONSE.because(error.reason))
            return None
        if memo.status >= 200:
            self.server.memo = memo
        return memo

    def _interim(self, exchange: Exchange, memo: ResponseMemo, rest: bytes) -> None:
        """A 1xx (RFC 9110 section 15.2): 101 makes a tunnel, the others are passed on, the wait goes on."""
        if memo.status == 101:
            if not exchange.switch_protocols(self, memo, rest):
                self._fail(exchange, failures.BAD_RESPONSE.because("protocols switched unasked"))
            return
        self._interim_bytes += max(memo.raw_bytes, _MIN_INTERIM_BYTES)
        if self._interim_bytes > MAX_INTERIM_BYTES:
            self._fail(exchange, failures.BAD_RESPONSE.because("a flood of interim responses"))
            return
        exchange.on_interim_response(memo)
        if rest:
            self.data_received(rest)

    def _body(self, exchange: Exchange, data: bytes) -> None:
        """Pass on what belongs to the body of this response, and see whether it ends."""
        framing = self._framing
        surplus = False
        if framing is Framing.LENGTH:
            self._left -= len(data)
            done = self._left <= 0
            if self._left < 0:
                data, surplus = data[: self._left], True
        elif framing is Framing.CHUNKED:
            assert self._scanner is not None
            try:
                used = self._scanner.feed(data)
            except ValueError as error:
                self._fail(exchange, failures.BAD_RESPONSE.because(str(error)))
                return
            done = self._scanner.done
            if used < len(data):
                data, surplus = data[:used], True
        elif framing is Framing.NONE:
            data, surplus, done = b"", bool(data), True
        else:
            done = False
        if surplus:
            self._reusable = False
        if data:
            exchange.on_response_data(data)
        if done and self.exchange is exchange:
            self._finished(exchange)

    def _finished(self, exchange: Exchange) -> None:
        """The response is complete: keep the connection when the server has the whole request too."""
        self.exchange = None
        self._responding = False
        self._interim_bytes = 0
        if self._paused:
            self.resume_reading()
        if self._reusable and exchange.request_done and not self.write_paused:
            self.server.release(self)
        else:
            self.transport.abort()  # what the server has not read of the request, it never will
        exchange.on_response_end()

    def _fail(self, exchange: Exchange, failure: failures.Failure) -> None:
        self.exchange = None
        self.transport.abort()
        exchange.on_attempt_failed(failure)

    def abandon(self) -> None:
        """The exchange no longer wants the response: the connection cannot be used again."""
        self.exchange = None
        self.transport.abort()

    def close(self) -> None:
        """Close where nothing is under way."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()  # a server that answered early may never read what is left to send
        else:
            self.transport.close()

    def discard(self) -> None:
        """Nobody waits for the connection any more. Where that was given up in the very moment in which it
        stood, uvloop says no more to its protocol, asyncio does."""
        if self.open:
            self.open = False
            self.transport.abort()
            self.server.lost(self)

    def pause_reading(self) -> None:
        """The client does not keep up."""
        if not self._paused and not self.transport.is_closing():
            self._paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self._paused and not self.transport.is_closing():
            self._paused = False
            self.since = self.server.pool.ticker.now
            self.transport.resume_reading()

    def pause_writing(self) -> None:
        self.write_paused = True
        if self.exchange is not None:
            self.exchange.client.pause_reading()

    def resume_writing(self) -> None:
        self.write_paused = False
        self.since = self.server.pool.ticker.now
        if self.exchange is not None:
            self.exchange.client.resume_reading()

    def eof_received(self) -> None:
        """The server closes; the transport follows. A kept connection must not be picked in between."""
        if self.exchange is None:
            self.server.forget(self)
        elif self.transport.get_write_buffer_size():
            self.transport.abort()  # it may never read the rest of the request, which a close would wait for

    def connection_lost(self, error: Exception | None) -> None:
        if not self.open:
            return
        self.open = False
        self.server.lost(self)
        exchange = self.exchange
        if exchange is None:
            return
        self.exchange = None
        if self._responding and self._framing is Framing.CLOSE and error is None:
            exchange.on_response_end()
            return
        failure = failures.SERVER_CLOSED
        if self._responding or self._held:
            failure = failure.because("in the middle of a response")
        untouched = not (self._responding or self._held or self._interim_bytes)
        exchange.on_attempt_failed(failure, stale=self.kept and untouched)
