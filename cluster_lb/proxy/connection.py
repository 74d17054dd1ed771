"""A client's connection, whatever is said on it: how it begins, waits, is paused, drained and ended."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from math import inf
from typing import TYPE_CHECKING, cast

from cluster_lb.proxy import failures
from cluster_lb.proxy.ends import end_writing, reset
from cluster_lb.proxy.responses import own_response
from cluster_lb.wire.proxy_protocol import Endpoints

if TYPE_CHECKING:
    from cluster_lb.proxy.exchange import Exchange
    from cluster_lb.proxy.ledger import Ledger
    from cluster_lb.proxy.listener import Listener

LINGER_S = 30.0  # how long a refused client may go on sending (nginx lingering_time)
LINGER_SILENT_S = 2.0  # and how long it may pause meanwhile (nginx lingering_timeout: 5 s)
DRAIN_IDLE_S = 1.0  # while draining, how long a silent kept connection stays open


class Connection(asyncio.Protocol):
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
        "_lingers_until",
        "_paused",
        "_ready",
        "closing",
        "draining",
        "endpoints",
        "exchange",
        "identity",
        "ledger",
        "listener",
        "peer",
        "plain",
        "since",
        "transport",
        "write_paused",
    )
    transport: asyncio.Transport

    def __init__(self, listener: Listener, endpoints: Endpoints | None = None) -> None:
        self.listener = listener
        self.ledger: Ledger = listener.ledger
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
        self._held = b""  # received, not yet a request
        self._lingers_until = inf
        self._ready = False  # the common path may be taken: see ClientConnection.data_received

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.peer} {self.exchange!r}>"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's has the methods, not the base class
        name = self.endpoints.source if self.endpoints else transport.get_extra_info("peername")
        self.peer = name[0].removeprefix("::ffff:") if name else "unknown"  # IPv4 on a socket for both
        self._recall()
        self.listener.on_connected(self)

    def ends(self) -> Endpoints | None:
        """Who the client is and where it connected to; None where that is not known (a Unix socket)."""
        if self.endpoints is not None:
            return self.endpoints
        source, destination = (self.transport.get_extra_info(name) for name in ("peername", "sockname"))
        return Endpoints(source[:2], destination[:2]) if source and destination else None

    @abstractmethod
    def _recall(self) -> None:
        """The connection stands: whatever may be known of the client."""

    @abstractmethod
    def _next(self) -> None:
        """Nothing is under way: begin what was sent ahead, or wait for the next request."""

    # --- how it ends

    def _refuse(self, status: int, reason: str) -> None:
        """Answer without an exchange, and close: where this message ends is anybody's guess."""
        self.ledger.refuse(self.peer, status, reason)
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
        self.since = now = self.listener.ticker.now
        self._lingers_until = now + LINGER_S
        self.end_writing()
        self.resume_reading()

    def abort(self) -> None:
        """Cut off at once: the response cannot be completed, and a clean end would hide that. Where the end
        of the connection is that of the response, any end but a reset is a clean one."""
        self.closing = True
        if self.exchange is not None and self.exchange.until_close:
            reset(self.transport)
        else:
            self.transport.abort()

    def end_writing(self) -> None:
        """Tell the client that nothing more will come, as far as the transport can; it may still send."""
        end_writing(self.transport)

    def drain(self) -> None:
        """Say `Connection: close` with the next response. A client that keeps silent is closed soon: one that
        is just sending its next request must not find the connection closed under it."""
        self.plain = False
        self.draining = True

    # --- what the exchange asks of its client

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
            elif silent > LINGER_SILENT_S or listener.ticker.now > self._lingers_until:
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

    @property
    def _head_begun(self) -> bool:
        """Whether part of a head is there; an empty line before one is none."""
        return self._held not in (b"", b"\r\n")
