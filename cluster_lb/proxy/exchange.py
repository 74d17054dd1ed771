"""An exchange: one request of a client with its response, over one or several attempts.

    pick -> kept connection -> send -> response head -> body -> settle
         \\-> connect (the one coroutine) -/        \\-> failed: next server of the pick, or our own answer

Every exchange ends in `_settle`, once: in-flight counts, outcome, times, access line.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Self

from cluster_lb.proxy import failures
from cluster_lb.proxy.failures import IDEMPOTENT, Failure, Fault
from cluster_lb.proxy.request_body import RequestBody
from cluster_lb.proxy.responses import own_response, retry_after
from cluster_lb.proxy.tunnel import Tunnel
from cluster_lb.wire import hops
from cluster_lb.wire.framing import Framing
from cluster_lb.wire.request_head import RequestFields

if TYPE_CHECKING:
    from cluster_lb.proxy.downstream import Downstream
    from cluster_lb.proxy.route import Route
    from cluster_lb.proxy.rules import Rules
    from cluster_lb.proxy.server import LiveServer
    from cluster_lb.proxy.upstream import ResponseMemo, UpstreamConnection


class Exchange:
    """One request and its response. `client` hears of the response; `pool`, which is the route's, says where
    attempts go.

    `request_done`: the whole request has been handed on. `simple`: nothing but the response is left to do,
    and it can go out under a head made before, for connections that stay open or those that end.
    `response_lines`: to be added to it. `status`: 0 until the response is known. `started`, `first_byte_at`:
    monotonic seconds. `number`: what its pick began with: a ticket, mostly. `own_lines`: field lines
    made for this request alone; in `head` they follow the request line. `request_id`: empty where requests
    get none. `bound_to`: the server that the client's sticky cookie names. `until_close`:
    the response ends with the client's connection.
    """

    # What a common exchange never reads is set on the class alone, which is cheaper for an object made for
    # each request than some thirty slots; what it does read is set in `begin`, which is cheaper to read.
    server: LiveServer | None = None
    upstream: UpstreamConnection | None = None
    attempts = 0
    tried: tuple[LiveServer, ...] = ()
    head = b""
    own_lines = b""
    request_id = b""
    number = 0
    status = 0
    response_bytes = 0
    upgrade = b""
    response_lines = b""
    http10 = False
    request_done = True
    bound_to: LiveServer | None = None
    until_close = False
    _rules: Rules | None = None
    _responded = False
    _stale = 0  # attempts on a kept connection that the server had closed: one at most, what follows is fresh

    def begin(
        self, client: Downstream, route: Route, method: bytes, request_line: bytes, simple: bool
    ) -> None:
        """What `__init__` would be: through the type, CPython 3.11 calls that at twice the cost."""
        self.started = monotonic()
        self.client = client
        self.route = route
        self.pool = route.pool
        self.method = method
        self.request_line = request_line
        self.simple = simple
        self.keep = True
        self.body_bytes = 0
        self.first_byte_at = 0.0
        self.failure: Failure | None = None
        self.tunnel: Tunnel | None = None
        self._body: RequestBody | None = None

    @classmethod
    def with_fields(
        cls,
        client: Downstream,
        route: Route,
        method: bytes,
        request_line: bytes,
        fields: RequestFields,
    ) -> Self:
        """One that may have a body, an end of its connection, or an older version."""
        exchange = cls()
        exchange.begin(client, route, method, request_line, False)
        exchange.http10 = request_line.endswith(b"HTTP/1.0\r\n")
        exchange.keep = fields.keep_alive if exchange.http10 else not fields.close
        exchange.upgrade = fields.upgrade
        if fields.framing is not Framing.NONE:
            exchange.request_done = False
            limit = route.max_body_bytes
            exchange._body = RequestBody(fields, client.listener.max_body_bytes if limit is None else limit)
        return exchange

    @property
    def rules(self) -> Rules:
        """The route's, else the pool's as they are now."""
        return self._rules or self.pool.rules

    def may_be_simple(self) -> bool:
        """Whether what is left is a response that goes out under a head made before, and that has a body if
        it says so."""
        ready = self.request_done and not (self.upgrade or self.response_lines or self.method == b"HEAD")
        return ready and not (self.http10 and self.keep)

    def __repr__(self) -> str:
        line = self.request_line.decode("latin-1").rstrip()
        return f"<Exchange {line!r} attempts={self.attempts} status={self.status}>"

    # --- the request

    def start(self, head: bytes) -> None:
        """Make the first attempt; `head` is what servers get first, with the body where that is small and
        all there."""
        self.head = head
        pool = self.pool
        server = pool.choose(self)
        if server is None:
            self._wait_for_room()
        elif server.idle and self._body is None:
            # The common path; the same as `_attempt`, laid out flat. No stamp: `started` is recent enough.
            self.attempts = 1
            self.server = server
            server.attempts += 1
            server.load += 1
            self.upstream = upstream = server.idle.pop()
            upstream.exchange = self
            upstream.transport.write(head)
        else:
            self._attempt(server)

    def _wait_for_room(self) -> None:
        """No server took it: queue, where limits are the reason, else answer."""
        pool = self.pool
        limits = pool.limits
        if limits is None or pool.is_empty:
            pool.unserved += 1
            self._give_up(failures.NO_SERVER.because(pool.why_empty()))
        elif not limits.wait(self):
            self._give_up(failures.QUEUE_FULL)

    def on_room(self, server: LiveServer) -> None:
        """The wait in the queue is over: `server` takes it."""
        self._attempt(server)

    def on_queue_timeout(self) -> None:
        self._give_up(failures.QUEUE_TIMEOUT)

    def _attempt(self, server: LiveServer, *, fresh: bool = False) -> None:
        self.server = server
        self.attempts += 1
        server.attempts += 1
        server.load += 1
        if server.idle and not fresh:
            self._send(server.idle.pop())
        else:
            self.client.listener.tasks.start(self._connect(server), "connect")

    def _send(self, upstream: UpstreamConnection) -> None:
        self.upstream = upstream
        upstream.exchange = self
        upstream.since = self.pool.ticker.now
        body = self._body
        upstream.transport.write(self.head + body.kept() if body else self.head)
        if not upstream.write_paused:
            self.client.resume_reading()  # it may have waited for room, for a connection, for another server

    async def _connect(self, server: LiveServer) -> None:
        failure = None
        try:
            upstream = await server.connect(self.client)
        except TimeoutError:
            failure = failures.CONNECT_TIMEOUT
        except OSError as error:
            failure = failures.cannot_connect(error)
        else:
            if upstream.transport.is_closing():
                failure = failures.CLOSED_AT_ONCE
        if failure is not None:
            if failure.fault is Fault.UPSTREAM:
                server.count_failure()
                self.client.listener.on_unreachable(self.pool.name, server.id, failure.reason)
            if self.server is server and self.upstream is None:
                self.on_attempt_failed(failure)
        elif self.server is server and self.upstream is None:
            self._send(upstream)
        else:  # the client left meanwhile: the connection is good for another exchange
            server.release(upstream)

    def on_request_data(self, data: bytes) -> bytes:
        """Body bytes from the client; returns those that belong to the next request. Raises BadRequestError
        for a chunked body that is malformed or too long; the server has not seen its end then."""
        body = self._body
        assert body is not None
        data, rest = body.take(data)
        self.request_done = body.done
        self.body_bytes = body.received
        upstream = self.upstream
        body.keep(data, connected=upstream is not None)
        if upstream is not None:
            upstream.since = self.pool.ticker.now
            upstream.transport.write(data)
        elif body.is_full:
            self.client.pause_reading()
        return rest

    # --- the response

    def on_whole_response(self, memo: ResponseMemo, data: bytes) -> None:
        """Head and body came together: the common case, written at once and settled."""
        self.status = memo.status
        self.response_bytes = len(data) - memo.raw_bytes
        if not self.keep:
            data = memo.closing + data[memo.raw_bytes :]
        elif not memo.as_it_came:
            data = memo.plain + data[memo.raw_bytes :]
        self.client.transport.write(data)
        self._settle()

    def on_response_head(self, memo: ResponseMemo, framing: Framing) -> None:
        """The head came, the body follows."""
        if self.http10 and framing is Framing.CHUNKED:
            assert self.upstream is not None
            self.upstream.abandon()
            self.on_attempt_failed(failures.BAD_RESPONSE.because("chunked answer to HTTP/1.0"))
            return
        self.status = memo.status
        self.first_byte_at = monotonic()
        self._responded = True
        self.client.transport.write(self._client_head(memo, framing))

    def _client_head(self, memo: ResponseMemo, framing: Framing) -> bytes:
        """The head with the lines that this client needs added."""
        self.until_close = framing is Framing.CLOSE
        if self.until_close or not self.request_done or self.client.draining:
            self.keep = False
        lines = self.response_lines
        if self.pool.sticky is not None:
            lines += self.pool.sticky.lines(self)
        if not self.keep:
            lines += b"Connection: close\r\n"
        elif self.http10:
            lines += b"Connection: keep-alive\r\n"
        if self.client.listener.debug_headers and self.server is not None:
            lines += b"X-Served-By: " + self.server.id.encode("ascii") + b"\r\n"
        lines += self.client.listener.response_lines
        return self._forward(memo) + lines + b"\r\n"

    def _forward(self, memo: ResponseMemo) -> bytes:
        """The head as clients get it, without the empty line: the same bytes, whatever came with it."""
        return memo.plain[:-2] if self.keep and not self.http10 else memo.head.forward

    def on_interim_response(self, memo: ResponseMemo) -> None:
        """A 1xx other than 101; HTTP/1.0 knows none (RFC 9110 section 15.2)."""
        if not self.http10:
            self.client.transport.write(memo.plain)

    def on_response_data(self, data: bytes) -> None:
        self.response_bytes += len(data)
        self.client.transport.write(data)

    def on_response_end(self) -> None:
        """The server is done with this exchange."""
        self.upstream = None
        if not self.request_done:
            self.keep = False
        self._settle()

    def switch_protocols(self, upstream: UpstreamConnection, memo: ResponseMemo, data: bytes) -> bool:
        """A 101: from here both sides are a tunnel. False when the client asked for no such thing."""
        if not self.request_done or not hops.is_offered(memo.head.upgrade, self.upgrade):
            return False
        self.status = 101
        self._responded = True
        self.keep = False
        lines = self.pool.sticky.lines(self) if self.pool.sticky is not None else b""
        lines += b"Connection: upgrade\r\nUpgrade: " + memo.head.upgrade + b"\r\n\r\n"
        self.tunnel = Tunnel(self, upstream)
        upstream.transport.set_protocol(self.tunnel)
        self.client.transport.write(self._forward(memo) + lines + data)
        self.client.enter_tunnel()
        return True

    # --- what goes wrong

    def on_attempt_failed(self, failure: Failure, *, stale: bool = False) -> None:
        """One attempt ended without a whole response. `stale`: a kept connection that the server had closed,
        which says nothing against the server."""
        server = self.server
        assert server is not None
        self.upstream = None
        if stale:
            self._stale = 1
        elif not failure.untouched:
            server.count_failure()
        following = self._next_server(server, failure, stale=stale)
        if following is None:
            self._give_up(failure)
        else:
            self._repeat(server, following)

    def repeats_status(self, status: int) -> bool:
        """Whether a response with this status is dropped and the request repeated; begins the repeat."""
        server = self.server
        assert server is not None
        following = self._next_server(server, failures.of_status(status), stale=False)
        if following is None:
            return False
        self._retry_status(server, following, status)
        return True

    def _retry_status(self, server: LiveServer, following: LiveServer, status: int) -> None:
        server.failures += 1
        self.upstream = None
        self._repeat(server, following)

    def _next_server(self, server: LiveServer, failure: Failure, *, stale: bool) -> LiveServer | None:
        """Where a repeat after `server` may go: never after response bytes went out, never where a server may
        have acted on a request that is not idempotent, never when the body is no longer at hand."""
        rules = self.rules
        if self._responded or failure.word not in rules.retry_on:
            return None
        if self.attempts - self._stale >= rules.attempts:
            return None
        if not (failure.untouched or self.method in IDEMPOTENT or rules.retry_non_idempotent):
            return None
        if self._body is not None and not self._body.at_hand:
            return None
        if stale:
            return self._instead_of(server)
        self.tried += (server,)
        following = self.pool.next_after(self.number, self.tried)
        return following if following is None or self.pool.budget.spend() else None

    def _instead_of(self, server: LiveServer) -> LiveServer:
        """Where to repeat what went to `server` over a stale connection. It was not tried yet, so it stays in
        the order; but one that closes its connections may be about to go, so others come first."""
        if server is self.bound_to and server.takes_bound:
            return server
        following = self.pool.next_after(self.number, (*self.tried, server))
        return server if following is None or following.out else following

    def _repeat(self, before: LiveServer, server: LiveServer) -> None:
        before.load -= 1
        if self.pool.limits is not None:
            self.pool.limits.look_again()  # the attempt that failed leaves room where it was
        self.pool.retries += 1
        self.simple = self.simple and self.pool.sticky is None  # the client moves: its cookie changes
        self._attempt(server, fresh=self._stale > 0)  # where one kept connection was stale, others may be

    def _give_up(self, failure: Failure) -> None:
        """Answer for the server, or, where its answer has begun, cut the client off."""
        self.failure = failure
        if self._responded:
            self.client.abort()
        else:
            lines = retry_after(failure.retry_after_s) if failure.retry_after_s else b""
            self._answer(failure.status, failure.reason.partition(":")[0], lines)
        self._settle()

    def _stays_open(self) -> bool:
        """Whether the connection is of use after an answer of our own."""
        return self.keep and self.request_done and not self.http10 and not self.client.draining

    def deny(self, status: int, reason: str, lines: bytes) -> None:
        """Answer before any attempt, with these header lines: a decision, and nobody's failure."""
        self._answer(status, reason, lines)
        self._settle()

    def _answer(self, status: int, reason: str, lines: bytes) -> None:
        """Write an answer of our own, with these header lines beside those of the listener."""
        self.status = status
        self.keep = self._stays_open()
        head_only = self.method == b"HEAD"
        lines += self.client.listener.response_lines
        self.client.transport.write(
            own_response(status, reason, head_only=head_only, close=not self.keep, lines=lines)
        )

    def refuse(self, failure: Failure) -> None:
        """The client breaks the rules in the middle of its request: tell it, where no answer has begun."""
        upstream, self.upstream = self.upstream, None
        if upstream is not None:
            upstream.abandon()
        self.keep = False
        self._give_up(failure)

    def abort(self, failure: Failure) -> None:
        """The client is gone."""
        upstream, self.upstream = self.upstream, None
        if self.tunnel is None or not self.tunnel.has_ended:
            self.failure = failure
        if self.tunnel is not None:
            self.tunnel.abandon()
        elif upstream is not None:
            upstream.abandon()
        if not self._responded:
            self.status = failure.status
        self.keep = False
        self._settle()

    def check(self, now: float) -> None:
        """The tick, while it is the server's turn: has it been silent, or not been reading, for too long?"""
        upstream = self.upstream
        if self.tunnel is not None:
            if now - self.tunnel.since > self.pool.tunnel_idle_s:
                self.tunnel.cut()
        elif upstream is not None and now - max(upstream.since, self.started) > self._patience():
            upstream.abandon()
            self.on_attempt_failed(failures.RESPONSE_TIMEOUT)

    def _patience(self) -> float:
        """How long the server may be silent, seconds."""
        return self.rules.response_timeout_s if self._responded else self.rules.try_timeout_s

    def on_tunnel_end(self) -> None:
        """Either side of the tunnel is gone."""
        self._settle()

    def _settle(self) -> None:
        """The one end."""
        self.route.counts.statuses[self.status // 100] += 1
        server = self.server
        if server is not None:
            server.load -= 1
            self.server = None
            self.client.ledger.settle(self, server)
            limits = self.pool.limits
            if limits is not None:
                limits.on_settled(server)
        else:
            self.client.ledger.settle_unserved(self)
            if self.pool.limits is not None:
                self.pool.limits.forget(self)
        self.client.on_exchange_end(self)
