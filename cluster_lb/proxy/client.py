"""One connection from a client: cuts its bytes into requests, one exchange at a time, in order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cluster_lb.proxy.connection import Connection
from cluster_lb.proxy.failures import Failure, Fault
from cluster_lb.proxy.limit_keys import client_address
from cluster_lb.proxy.marks import NO_MARK
from cluster_lb.proxy.rate_limits import is_denied
from cluster_lb.proxy.request_memo import MAX_SHARED_BYTES, NO_MEMO, learn
from cluster_lb.wire.errors import BadRequestError
from cluster_lb.wire.framing import Framing
from cluster_lb.wire.proxy_protocol import Endpoints
from cluster_lb.wire.request_head import (
    RequestFields,
    are_one_authority,
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

_NOWHERE = b"\0"  # no target begins so


class ClientConnection(Connection):
    """One client's requests. `mark`: what the last field block says of its request's place among others."""

    __slots__ = ("_in_requests", "_memo", "mark")

    def __init__(self, listener: Listener, endpoints: Endpoints | None = None) -> None:
        super().__init__(listener, endpoints)
        self._in_requests = False
        self._memo = NO_MEMO  # the last field block
        self.mark = NO_MARK

    def _recall(self) -> None:
        """Who comes anew often says the same again."""
        memo = self.listener.recent
        if memo.peer == self.peer and memo.identity == self.identity:
            self._memo = memo
            self._ready = memo.common

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
        method, target = line[1], line[2]
        router = listener.router
        known, section, route = memo.section
        if known is not router or target[: len(section)] != section:
            route = router.find(method, target, memo.fields.host, tail)
            if known is not router:
                memo.section = (router, *(router.section(memo.fields.host, target) or (_NOWHERE, route)))
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
            self.since = self.listener.ticker.now
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
        proto = self.listener.proto
        method, target, minor, authority, line_end = parse_other_request_line(data, proto)
        if method == b"TRACE" and not self.listener.allow_trace:
            raise BadRequestError("TRACE is not served", 405)
        fields = self._fields(data[line_end:end], http10=minor == b"0")
        host = fields.host
        if authority is not None and (host is None or not are_one_authority(authority, host, proto)):
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

    # --- from one request to the next

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
        if self._eof and (self.exchange is None or not self.exchange.request_done):
            self._close()  # the rest of that request will never come
