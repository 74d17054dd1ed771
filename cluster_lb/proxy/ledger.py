"""The accounts of the data path: plain integers, read by whoever scrapes them, and the access log."""

from __future__ import annotations

from bisect import bisect_left
from time import monotonic
from typing import TYPE_CHECKING

import structlog

from cluster_lb.proxy.failures import Fault
from cluster_lb.proxy.outcomes import FIRST_5XX
from cluster_lb.proxy.throttle import Throttle

if TYPE_CHECKING:
    from cluster_lb.proxy.access_log import AccessLog
    from cluster_lb.proxy.exchange import Exchange
    from cluster_lb.proxy.server import LiveServer

_log = structlog.get_logger("proxy")

# Seconds; Prometheus' customary steps, from half a millisecond because that is what a proxy adds.
LATENCY_BOUNDS_S = (
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
)


class Histogram:
    """`counts[i]`: values up to LATENCY_BOUNDS_S[i], not cumulated; the last one: above all bounds."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = [0] * (len(LATENCY_BOUNDS_S) + 1)
        self.sum = 0.0


class Ledger:
    """Takes the account of each exchange, once.

    `refused`: status -> requests refused before they were an exchange. `accepted`, `rejected`: client
    connections taken, and turned away at the limit; `connections`: open now, on all listeners.
    `redirected`: requests that were sent to HTTPS.

    An event of its own in the log is for people: of each kind there is a bounded number a second, then the
    number left out (`Throttle`). The access log and the counts have all.
    """

    __slots__ = (
        "_access",
        "_failed",
        "_log_exchange",
        "_refused",
        "_slow",
        "_slow_s",
        "accepted",
        "connections",
        "redirected",
        "refused",
        "rejected",
    )

    def __init__(self, slow_request_ms: int, access: AccessLog | None) -> None:
        self._slow_s = slow_request_ms / 1000
        self._access = access
        self._log_exchange = access.exchange if access is not None else None
        self._slow = Throttle("slow request")
        self._failed = Throttle("request failed")
        self._refused = Throttle("request refused")
        self.refused: dict[int, int] = {}
        self.connections = 0
        self.accepted = 0
        self.rejected = 0
        self.redirected = 0

    def settle(self, exchange: Exchange, server: LiveServer) -> None:
        """An exchange that reached `server` has ended."""
        elapsed = monotonic() - exchange.started
        server.statuses[exchange.status // 100] += 1
        if exchange.tunnel is None:
            pool = exchange.pool
            latency = pool.latency
            latency.counts[bisect_left(LATENCY_BOUNDS_S, elapsed)] += 1
            latency.sum += elapsed
            if elapsed >= pool.notice_s:
                self._notice(exchange, server, elapsed)
        if exchange.failure is not None:
            if exchange.status < FIRST_5XX:
                server.excused += 1
            self._warn_failed(exchange, server.id)
        log = self._log_exchange
        if log is not None:
            log(exchange, server, elapsed)

    def settle_unserved(self, exchange: Exchange) -> None:
        """An exchange that reached no server has ended."""
        exchange.pool.statuses[exchange.status // 100] += 1
        if exchange.failure is not None:
            self._warn_failed(exchange, "-")
        if self._log_exchange is not None:
            self._log_exchange(exchange, None, monotonic() - exchange.started)

    def settle_answered(self, exchange: Exchange) -> None:
        """An exchange that its route answered has ended."""
        if self._access is not None:
            self._access.exchange(exchange, None, monotonic() - exchange.started)

    def refuse(self, peer: str, status: int, reason: str) -> None:
        """A client was answered `status` (0: not at all) without an exchange."""
        self.refused[status] = self.refused.get(status, 0) + 1
        if self._refused.allows():
            _log.info("request refused", client=peer, status=status, reason=reason)
        if self._access is not None:
            self._access.refusal(peer, status, reason)

    def redirect(self, peer: str) -> None:
        """A request came to a listener that sends all of them to HTTPS."""
        self.redirected += 1
        if self._access is not None:
            self._access.refusal(peer, 308, "to HTTPS")

    @property
    def lost_lines(self) -> int:
        """Lines of the access log that could not be written."""
        return self._access.lost if self._access is not None else 0

    def on_tick(self, now: float) -> None:
        """The tick: what was left out is told, and what is held is written."""
        for throttle in (self._slow, self._failed, self._refused):
            throttle.on_tick(now)
        if self._access is not None:
            self._access.on_tick(now)

    def _notice(self, exchange: Exchange, server: LiveServer, elapsed: float) -> None:
        latencies = exchange.pool.latencies
        if latencies is not None:
            latencies.on_exchange(exchange, server, elapsed)
        if elapsed >= self._slow_s:
            self._warn_slow(exchange, server, elapsed)

    def _warn_slow(self, exchange: Exchange, server: LiveServer, elapsed: float) -> None:
        if not self._slow.allows():
            return
        _log.warning(
            "slow request",
            pool=exchange.pool.name,
            server=server.id,
            request=exchange.request_line.decode("latin-1").rstrip(),
            status=exchange.status,
            attempts=exchange.attempts,
            ms=round(elapsed * 1000, 1),
        )

    def _warn_failed(self, exchange: Exchange, server_id: str) -> None:
        failure = exchange.failure
        assert failure is not None
        if not self._failed.allows():
            return
        log = _log.info if failure.fault is Fault.CLIENT else _log.warning
        log(
            "request failed",
            pool=exchange.pool.name,
            server=server_id,
            request=exchange.request_line.decode("latin-1").rstrip(),
            status=exchange.status,
            fault=failure.fault.value,
            reason=failure.reason,
            attempts=exchange.attempts,
        )
