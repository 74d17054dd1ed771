"""One connection from a client: cuts its bytes into requests, one exchange at a time, in order."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from cluster_lb.proxy import failures
from cluster_lb.proxy.failures import Failure, Fault
from cluster_lb.proxy.limit_keys import client_address
from cluster_lb.proxy.marks import NO_MARK
from cluster_lb.proxy.rate_limits import is_denied
from cluster_lb.proxy.request_memo import MAX_SHARED_BYTES, NO_MEMO, learn
from cluster_lb.proxy.responses import own_response
from cluster_lb.wire.errors import BadRequestError
from cluster_lb.wire.framing import Framing
from cluster_lb.wire.proxy_protocol import Endpoints
from cluster_lb.wire.request_head import (
    RequestFields,
    check_begun_head,
    match_request_line,
    parse_other_request_line,
)

if TYPE_CHECKING:
    from cluster_lb.proxy.exchange import Exchange
    from cluster_lb.proxy.listener import Listener
    from cluster_lb.proxy.route import Route

# What a client may send ahead of its turn before it is paused; a request head at most, twice.
_MAX_AHEAD_BYTES = 64 * 1024

# The common path takes shorter request lines only; what is longer is held against the limit of heads.
_MAX_COMMON_LINE_BYTES = 1024

LINGER_S = 2.0  # how long a refused client may go on sending (nginx lingering_timeout: 5 s)
DRAIN_IDLE_S = 1.0  # while draining, how long a silent kept connection stays open


class ClientConnection(asyncio.Protocol):
    """One client. `exchange`: the request under way, None between requests.

    `endpoints`: both ends as a PROXY header told them. `identity`: lines on its certificate, for servers.
    `since`: coarse monotonic time of the last activity. `plain`: responses need no line added for this
    connection. `draining`: the response under way, or the next one, is the last. `closing`: no further
    request is taken.
    """

    __slots__ = (
        "_eof",
        "_fresh",
        "_held",
        "_in_requests",
        "_memo",
        "_paused",
        "_ready",
        "closing",
        "draining",
        "endpoints",
        "exchange",
        "identity",
        "listener",
        "mark",
        "peer",
        "plain",
        "since",
        "transport",
        "write_paused",
    )
    transport: asyncio.Transport

    def __init__(self, listener: Listener, endpoints: Endpoints | None = None) -> None:
        self.listener = listener
        self.endpoints = endpoints
        self.identity = b""
        self.exchange: Exchange | None = None
        self.since = listener.ticker.now
        self.plain = not (listener.debug_headers or listener.response_lines)
        self.closing = False
        self.draining = False
        self.write_paused = False
        self.peer = ""
        self._paused = False
        self._eof = False
        self._fresh = True  # nothing received yet
        self._in_requests = False
        self._held = b""  # received, not yet a request
        self._ready = False  # the common path may be taken: see data_received
        self._memo = NO_MEMO  # the last field block
        self.mark = NO_MARK  # and what it says of its request's place among others

    def __repr__(self) -> str:
        return f"<ClientConnection {self.peer} {self.exchange!r}>"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's has the methods, not the base class
        name = self.endpoints.source if self.endpoints else transport.get_extra_info("peername")
        self.peer = name[0].removeprefix("::ffff:") if name else "unknown"  # IPv4 on a socket for both
        self._recall()
        self.listener.on_connected(self)

    def _recall(self) -> None:
        """Who comes anew often says the same again."""
        memo = self.listener.recent
        if memo.peer == self.peer and memo.identity == self.identity:
            self._memo = memo
            self._ready = memo.common

    def ends(self) -> Endpoints | None:
        """Who the client is and where it connected to; None where that is not known (a Unix socket)."""
        if self.endpoints is not None:
            return self.endpoints
        source, destination = (self.transport.get_extra_info(name) for name in ("peername", "sockname"))
        return Endpoints(source[:2], destination[:2]) if source and destination else None

    def address(self) -> str:
        return client_address(self, self._memo.fields)

    # --- bytes to requests

    def data_received(self, data: bytes) -> None:
        if self._ready:
            # The common path, where the request is the last one again.
            memo = self._memo
            last, router, kind, route, method, request_line, message = memo.whole
            if data == last and router is self.listener.router:
                self._ready = False
                self.exchange = exchange = kind()
                exchange.begin(self, route, method, request_line, self.plain)
                if memo.special:
                    exchange.keep = False
                exchange.start(message)
                return
            if (memo.body_bytes and self._same_head(data)) or self._common_request(data):
                return
        if self.exchange is None:
            self._between_exchanges(data)
        else:
            self._during_exchange(self.exchange, data)

    def _same_head(self, data: bytes) -> bool:
        """The common path, where the request is the last one again but for what its body says. Returns
        whether it is."""
        memo = self._memo
        last, router, kind, route, method, request_line, head = memo.head
        size = len(last)
        if len(data) - size != memo.body_bytes or data[:size] != last or router is not self.listener.router:
            return False
        self._ready = False
        self.exchange = exchange = kind()
        exchange.begin(self, route, method, request_line, self.plain)
        exchange.keep = not memo.fields.close
        exchange.body_bytes = memo.body_bytes
        exchange.start(head + data[size:])
        return True

    def _common_request(self, data: bytes) -> bool:
        """The common path: a whole request, its field block the same as the last one's, or of its shape.
        Returns whether it is one."""
        line = match_request_line(data)
        if line is None or line[3] != b"1" or (line_end := line.end()) >= _MAX_COMMON_LINE_BYTES:
            return False
        memo, listener = self._memo, self.listener
        # Slices, because bytes.startswith takes its arguments apart at three times the cost.
        same = (
            len(data) - line_end == memo.message_bytes
            and data[line_end : line_end + memo.block_bytes] == memo.block
        )
        tail = memo.tail if same else memo.tail_of(data, line_end, listener.max_head_bytes)
        if tail is None:
            return False
        method = line[1]
        router = listener.router
        route = router.only or router.find(method, line[2], memo.fields.host, tail)
        if not route.plain:
            if same and not memo.special:
                self._begin(route, method, data[:line_end], memo.fields, b"")
                return True
            return False
        request_line = message = data[:line_end]
        self._ready = False
        simple = self.plain and method != b"HEAD"
        kind = listener.exchange_types[route.exchange]
        self.exchange = exchange = kind()
        exchange.begin(self, route, method, request_line, simple)
        message += tail
        body = b""
        if memo.special:
            exchange.keep = not memo.fields.close
            exchange.body_bytes = memo.body_bytes
            body = data[len(data) - memo.body_bytes :]
        if simple and len(data) - len(body) <= MAX_SHARED_BYTES:
            if body:
                memo.head = data[: -len(body)], router, kind, route, method, request_line, message
            else:
                memo.whole = data, router, kind, route, method, request_line, message
        exchange.start(message + body)
        return True

    def _between_exchanges(self, data: bytes) -> None:
        """Bytes of the next request; a client that is being closed may still send, for nothing."""
        if self.closing:
            return
        begun = self._head_begun
        self._ready = False
        data = self._held + data
        self._held = b""
        self._requests(data)
        if self._head_begun and self.exchange is None and not begun:
            self.since = self.listener.ticker.now  # a head has this long from its first byte on

    def _during_exchange(self, exchange: Exchange, data: bytes) -> None:
        """Bytes before the exchange under way has ended: of its body, of its tunnel, or sent ahead."""
        if exchange.tunnel is not None:
            exchange.tunnel.forward(data)
        elif exchange.request_done:
            self._hold(data)
        else:
            self.since = self.listener.ticker.now
            self._request_body(exchange, data)

    def _requests(self, data: bytes) -> None:
        """Begin exchanges as long as whole heads are there and the one before has ended."""
        self._in_requests = True
        while data and self.exchange is None and not self.closing and not self.write_paused:
            # RFC 9112 section 2.2: one empty line before a request is skipped.
            begin = 2 if data.startswith(b"\r\n") else 0
            end = data.find(b"\r\n\r\n", begin) + 4
            try:
                if end < 4:
                    self._check_partial_head(data, begin)
                    break
                data = self._request(data[begin:], end - begin)
            except BadRequestError as error:
                self._refuse(error.status, error.reason)
        self._in_requests = False
        if data and not self.closing:
            self._hold(data)
        if self._held or self.closing or self.exchange is not None:
            self._ready = False

    def _request(self, data: bytes, end: int) -> bytes:
        """Begin the exchange whose head is `data[:end]`; returns what follows that request."""
        listener = self.listener
        if end > listener.max_head_bytes:
            raise BadRequestError(f"head is longer than {listener.max_head_bytes} bytes", 431)
        line = match_request_line(data)
        if line is None:
            return self._other_request(data, end)
        line_end = line.end()
        method, target, minor = line.groups()
        fields = self._fields(data[line_end:end], http10=minor == b"0")
        return self._start(method, target, data[:line_end], fields, data[end:])

    def _other_request(self, data: bytes, end: int) -> bytes:
        """The same for a request line in absolute or asterisk form, and for TRACE."""
        method, target, minor, authority, line_end = parse_other_request_line(data, self.listener.proto)
        if method == b"TRACE" and not self.listener.allow_trace:
            raise BadRequestError("TRACE is not served", 405)
        fields = self._fields(data[line_end:end], http10=minor == b"0")
        if authority is not None and authority.lower() != (fields.host or b"").lower():
            raise BadRequestError("the target names another host than Host")
        if method == b"TRACE" and fields.framing is not Framing.NONE:
            raise BadRequestError("TRACE with a body")
        request_line = b"%b %b HTTP/1.%b\r\n" % (method, target, minor)
        return self._start(method, target, request_line, fields, data[end:])

    def _fields(self, block: bytes, *, http10: bool) -> RequestFields:
        """What the field block of a request says, mostly known from the last one."""
        listener = self.listener
        if block != self._memo.block:
            trusted = listener.trusts(self.peer)
            memo = learn(
                block,
                self.peer,
                listener.max_header_lines,
                trusted=trusted,
                proto=listener.proto,
                identity=self.identity,
            )
            if listener.marking is not None:
                memo, self.mark = listener.marking.take(memo, trusted=trusted)
            elif memo.shape is None and memo.common and not memo.body_bytes and self._memo.common:
                memo.shape = listener.shapes.find(block, listener.ticker.now)
            self._memo = memo
        fields = self._memo.fields
        if http10 and fields.framing is Framing.CHUNKED:
            raise BadRequestError("Transfer-Encoding in HTTP/1.0")
        if http10 and fields.upgrade:
            raise BadRequestError("Upgrade in HTTP/1.0")
        if fields.host is None and not http10:
            raise BadRequestError("missing Host")
        if fields.framing is Framing.LENGTH and 0 < listener.max_body_bytes < fields.length:
            # Only for a route that allows it, so never on the common path, which does not ask.
            self._memo = replace(self._memo, common=False)
        elif listener.marking is None:  # else the memo is not the whole of it
            listener.recent = self._memo
        return fields

    def _start(
        self, method: bytes, target: bytes, request_line: bytes, fields: RequestFields, rest: bytes
    ) -> bytes:
        route = self.listener.router.find(method, target, fields.host, self._memo.tail)
        limit = self.listener.max_body_bytes if route.max_body_bytes is None else route.max_body_bytes
        if fields.framing is Framing.LENGTH and 0 < limit < fields.length:
            raise BadRequestError(f"body is longer than {limit} bytes", 413)
        return self._begin(route, method, request_line, fields, rest)

    def _begin(
        self, route: Route, method: bytes, request_line: bytes, fields: RequestFields, rest: bytes
    ) -> bytes:
        """Begin the exchange; `rest` is what came after its head. Returns what follows the request."""
        kind = self.listener.exchange_types[route.exchange]
        exchange = kind.with_fields(self, route, method, request_line, fields)
        self.exchange = exchange
        self.since = self.listener.ticker.now
        self._fresh = self._ready = False
        if rest and not exchange.request_done:
            try:
                rest = exchange.on_request_data(rest)
            except BadRequestError:
                self.exchange = None
                raise
        if route.rate_limits and is_denied(exchange, route.rate_limits, fields):
            return rest
        exchange.simple = self.plain and exchange.may_be_simple()
        exchange.start(route.request_head(request_line, self._memo, self.peer))
        return rest

    def _request_body(self, exchange: Exchange, data: bytes) -> None:
        try:
            rest = exchange.on_request_data(data)
        except BadRequestError as error:
            exchange.refuse(Failure(Fault.CLIENT, error.status, error.reason))
            return
        if rest:
            self._hold(rest)

    def _hold(self, data: bytes) -> None:
        """Keep bytes for later; a client that sends far ahead, or does not read its answers, is paused."""
        self._ready = False
        self._held += data
        if (self.exchange is not None or self.write_paused) and len(self._held) > _MAX_AHEAD_BYTES:
            self.pause_reading()

    def _check_partial_head(self, data: bytes, begin: int) -> None:
        """A head may have begun, after an empty line of `begin` bytes; refuse early what cannot become one.
        Raises BadRequestError."""
        if len(data) > begin:
            self._fresh = False
        if len(data) - begin >= self.listener.max_head_bytes:
            raise BadRequestError(f"head is longer than {self.listener.max_head_bytes} bytes", 431)
        check_begun_head(data)

    @property
    def _head_begun(self) -> bool:
        """Whether part of a head is there; an empty line before one is none."""
        return self._held not in (b"", b"\r\n")

    def _refuse(self, status: int, reason: str) -> None:
        """Answer without an exchange, and close: where this message ends is anybody's guess."""
        self.listener.ledger.refuse(self.peer, status, reason)
        lines = self.listener.response_lines
        self.transport.write(own_response(status, reason, head_only=False, close=True, lines=lines))
        self._linger()

    def _close(self) -> None:
        """Close after what is written has been sent."""
        self.closing = True
        self._ready = False
        self.since = self.listener.ticker.now
        self.transport.close()

    def _linger(self) -> None:
        """Close a client that may still be sending: bytes that arrive on a closed socket would reset the
        connection, and take our answer with them. So they are read for a while, for nothing (nginx
        lingering_close)."""
        self.closing = True
        self._held = b""
        self.since = self.listener.ticker.now
        self.end_writing()
        self.resume_reading()

    # --- what the exchange asks of its client

    def on_exchange_end(self, exchange: Exchange) -> None:
        self.exchange = None
        self.since = self.listener.ticker.now
        self._fresh = False
        if not exchange.keep:
            if exchange.request_done:
                self._close()
            else:
                self._linger()
        elif self._held or self._paused or self.write_paused or self._eof:
            if not self._in_requests:
                self._next()
        else:
            self._ready = self._memo.common

    def _next(self) -> None:
        """Nothing is under way: begin what was sent ahead, or wait for the next request."""
        if self.write_paused:
            return
        if self._paused:
            self.resume_reading()
        if self._held:
            data, self._held = self._held, b""
            self._requests(data)
        else:
            self._ready = self._memo.common
        if self._eof and self.exchange is None:
            self._close()

    def enter_tunnel(self) -> None:
        """From now on bytes go through; what came early goes first."""
        exchange = self.exchange
        assert exchange is not None
        assert exchange.tunnel is not None
        self.resume_reading()
        if self._held:
            held, self._held = self._held, b""
            exchange.tunnel.forward(held)
        if self._eof:
            exchange.tunnel.forward_eof()

    def abort(self) -> None:
        """Cut off at once: the response cannot be completed, and a clean end would hide that."""
        self.closing = True
        self.transport.abort()

    def end_writing(self) -> None:
        """Tell the client that nothing more will come, as far as the transport can; it may still send."""
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()

    def pause_reading(self) -> None:
        if not self._paused and not self.transport.is_closing():
            self._paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self._paused and not self.transport.is_closing():
            self._paused = False
            self.since = self.listener.ticker.now
            self.transport.resume_reading()

    # --- the transport's side

    def pause_writing(self) -> None:
        self.write_paused = True
        self._ready = False
        self.since = self.listener.ticker.now
        exchange = self.exchange
        upstream = exchange.upstream if exchange is not None else None
        if upstream is not None and upstream.exchange is exchange:  # else the response is complete
            upstream.pause_reading()

    def resume_writing(self) -> None:
        self.write_paused = False
        self.since = self.listener.ticker.now
        exchange = self.exchange
        if exchange is not None:
            if exchange.upstream is not None:
                exchange.upstream.resume_reading()
        elif not self.closing:
            self._next()

    def eof_received(self) -> bool:
        """The client sends no more. One that only shut its sending side down still gets its answer."""
        self._eof = True
        exchange = self.exchange
        if exchange is None:
            return self.write_paused and bool(self._held)  # it has to read before the rest is served
        if exchange.tunnel is not None:
            exchange.tunnel.forward_eof()
            return True
        return exchange.request_done

    def connection_lost(self, error: Exception | None) -> None:
        self.closing = True
        self.listener.on_disconnected(self)
        if self.exchange is not None:
            self.exchange.abort(failures.CLIENT_GONE)

    # --- the tick

    def check(self, now: float) -> None:
        """Has the client been silent, or not been reading, for too long?"""
        exchange = self.exchange
        silent = now - self.since
        if exchange is None:
            self._check_idle(silent)
        elif exchange.tunnel is not None:
            exchange.check(now)
        elif self.write_paused or not (exchange.request_done or self._paused):
            if silent > self.listener.idle_timeout_s:
                exchange.refuse(failures.CLIENT_STALLED)
        else:
            exchange.check(now)

    def _check_idle(self, silent: float) -> None:
        listener = self.listener
        if self.closing:
            if silent > listener.idle_timeout_s:  # it never reads our last words
                self.transport.abort()
            elif silent > LINGER_S:
                self.transport.close()
        elif self.write_paused:
            if silent > listener.idle_timeout_s:
                self.abort()
        elif self._head_begun:
            if silent > listener.head_timeout_s:
                self._refuse(408, "request head did not arrive in time")
        elif silent > self._patience():
            self._close()

    def _patience(self) -> float:
        """How long this client may be silent between requests, seconds."""
        if self.draining:
            return DRAIN_IDLE_S
        return self.listener.head_timeout_s if self._fresh else self.listener.idle_timeout_s

    def drain(self) -> None:
        """Say `Connection: close` with the next response. A client that keeps silent is closed soon: one that
        is just sending its next request must not find the connection closed under it."""
        self.plain = False
        self.draining = True
