"""Mirrors: requests of a route repeated to a shadow pool, whose responses nobody waits for.

A shadow is an exchange of its own between nobody and the shadow pool: it takes that pool's tickets and
counts in that pool's figures alone. The client's exchange never waits for it and never hears of it.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from cluster_lb.proxy import failures
from cluster_lb.proxy.exchange import Exchange
from cluster_lb.proxy.ledger import Ledger
from cluster_lb.proxy.request_body import MAX_KEPT_BYTES
from cluster_lb.proxy.route import Route
from cluster_lb.proxy.routed_exchange import RoutedExchange
from cluster_lb.wire.proxy_protocol import Endpoints

if TYPE_CHECKING:
    from cluster_lb.proxy.downstream import Downstream
    from cluster_lb.proxy.listener import Listener
    from cluster_lb.proxy.pool import LivePool
    from cluster_lb.proxy.route_counts import RouteCounts
    from cluster_lb.proxy.server import LiveServer
    from cluster_lb.proxy.ticker import Ticker

MAX_SHADOWS = 1024  # in flight on this node (Envoy's circuit breaker: 1024 requests)
SHADOW_S = 15.0  # a whole shadow exchange (Envoy's route timeout)


class ShadowLedger(Ledger):
    """Counts, and tells nobody: no line in any log is about a shadow."""

    def __init__(self) -> None:
        super().__init__(0, None)

    def _warn_slow(self, exchange: Exchange, server: LiveServer, elapsed: float) -> None:
        """Nobody waited for it."""

    def _warn_failed(self, exchange: Exchange, server_id: str) -> None:
        """Nobody missed it."""


class Shadows:
    """All shadows in flight on this node, and their account."""

    def __init__(self, ticker: Ticker) -> None:
        self.in_flight: set[ShadowExchange] = set()
        self.ledger = ShadowLedger()
        ticker.watch(self._check)

    def _check(self, now: float) -> None:
        for shadow in tuple(self.in_flight):
            shadow.check(now)


class Mirror:
    """Where a route's requests are repeated to: `percent` of them, evenly, each marked with the field
    X-Mirrored that names the route. `begin`: from 0 to under 1, how soon the first is due."""

    def __init__(
        self,
        name: str,
        pool: LivePool,
        percent: float,
        shadows: Shadows,
        counts: RouteCounts,
        begin: float = 0.0,
    ) -> None:
        self._route = Route(pool, ShadowExchange)
        self._mark = b"X-Mirrored: " + name.encode("ascii", "replace") + b"\r\n\r\n"
        self._percent = percent
        self._due = 100.0 * begin
        self._shadows = shadows
        self._counts = counts

    def is_due(self) -> bool:
        """Whether the next request is one of the percentage."""
        self._due += self._percent
        if self._due < 100.0:
            return False
        self._due -= 100.0
        return True

    def skip(self) -> None:
        """One that was due cannot be mirrored."""
        self._counts.unmirrored += 1

    def send(self, exchange: Exchange, head: bytes, body: bytes) -> None:
        """Repeat the request of `exchange`, as servers get it."""
        if len(self._shadows.in_flight) >= MAX_SHADOWS:
            self.skip()
            return
        self._counts.mirrored += 1
        client = exchange.client
        nobody = Nobody(client.listener, self._shadows, client.address())
        shadow = ShadowExchange()
        simple = exchange.method != b"HEAD"
        shadow.begin(nobody, self._route, exchange.method, exchange.request_line, simple)
        self._shadows.in_flight.add(shadow)
        # Not here and now: what goes wrong with it is none of the client's business.
        asyncio.get_running_loop().call_soon(shadow.start, head[:-2] + self._mark + body)


class Nobody:
    """What a shadow has in place of a client."""

    def __init__(self, listener: Listener, shadows: Shadows, address: str) -> None:
        self.listener = listener
        self.ledger: Ledger = shadows.ledger
        self.draining = False
        self.peer = "-"
        self._in_flight = shadows.in_flight
        self._address = address

    @property
    def transport(self) -> Nobody:
        """Not kept: an object that refers to itself would wait for the garbage collector."""
        return self

    def address(self) -> str:
        """Of the client whose request it is: a pool that goes by it picks as for that one."""
        return self._address

    def write(self, data: bytes) -> None:
        """The response, dropped."""

    def ends(self) -> Endpoints | None:
        return None

    def pause_reading(self) -> None:
        """The request is all there."""

    def resume_reading(self) -> None:
        """The same."""

    def enter_tunnel(self) -> None:
        """Upgrades are not mirrored."""

    def end_writing(self) -> None:
        """Nobody is told."""

    def abort(self) -> None:
        """The same."""

    def on_exchange_end(self, exchange: Exchange) -> None:
        assert isinstance(exchange, ShadowExchange)
        self._in_flight.discard(exchange)


class ShadowExchange(Exchange):
    """One attempt."""

    def begin(
        self, client: Downstream, route: Route, method: bytes, request_line: bytes, simple: bool
    ) -> None:
        super().begin(client, route, method, request_line, simple)
        self._rules = replace(route.pool.rules, attempts=1)

    def check(self, now: float) -> None:
        if now - self.started > SHADOW_S:
            self.refuse(failures.REQUEST_TIMEOUT)
        else:
            super().check(now)


class MirroredExchange(RoutedExchange):
    """One whose request is repeated to its route's mirror, once all of it has been handed on."""

    _mirrored = False

    def start(self, head: bytes) -> None:
        mirror = self.route.mirror
        assert mirror is not None
        self._mirrored = bool(self.upgrade) or not mirror.is_due()
        super().start(head)
        self._mirror(head)

    def on_request_data(self, data: bytes) -> bytes:
        rest = super().on_request_data(data)
        if self.head:  # else it came with the head, and has not been started
            self._mirror(self.head)
        return rest

    def _mirror(self, head: bytes) -> None:
        mirror, body = self.route.mirror, self._body
        assert mirror is not None
        if self._mirrored:
            return
        if body is not None and body.received > MAX_KEPT_BYTES:
            self._mirrored = True
            mirror.skip()
        elif self.request_done:
            self._mirrored = True
            mirror.send(self, head, body.kept() if body is not None else b"")
