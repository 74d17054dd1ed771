"""The accounts of the data path in one place, for the metrics to read when they are scraped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cluster_lb.proxy.ledger import LATENCY_BOUNDS_S, Ledger
from cluster_lb.proxy.listener import Listener
from cluster_lb.proxy.live_routes import LiveRoutes
from cluster_lb.proxy.pool import LivePool
from cluster_lb.proxy.pools import LivePools
from cluster_lb.proxy.route_counts import RouteCounts
from cluster_lb.tls.watch import Watch


class Arrivals(NamedTuple):
    """What happened on one listener before the first requests of its connections. `certificates`: path ->
    end, seconds since 1970."""

    listener: str
    handshakes: int
    failed_handshakes: int
    bad_headers: int
    certificates: Mapping[str, float]


class Accounts:
    """What this node's data path counted since the start."""

    def __init__(
        self,
        pools: LivePools,
        ledger: Ledger,
        listeners: Sequence[Listener],
        tls: Watch,
        routes: LiveRoutes,
    ) -> None:
        self._routes = routes
        self._pools = pools
        self._ledger = ledger
        self._listeners = listeners
        self._tls = tls

    @property
    def latency_bounds_s(self) -> Sequence[float]:
        return LATENCY_BOUNDS_S

    @property
    def pools(self) -> Mapping[str, LivePool]:
        return self._pools.by_name

    @property
    def zone(self) -> str:
        return self._pools.locality.zone

    @property
    def routes(self) -> Mapping[str, RouteCounts]:
        """By their names; `-`: of the requests that took none."""
        table = self._routes.table
        return {**table.counts, "-": table.unmatched}

    @property
    def shadows(self) -> int:
        return len(self._routes.shadows.in_flight)

    @property
    def client_connections(self) -> int:
        return self._ledger.connections

    @property
    def accepted(self) -> int:
        return self._ledger.accepted

    @property
    def rejected(self) -> int:
        return self._ledger.rejected

    @property
    def redirected(self) -> int:
        return self._ledger.redirected

    @property
    def tls_file_failures(self) -> int:
        return self._tls.failures

    @property
    def arrivals(self) -> Sequence[Arrivals]:
        return [
            Arrivals(
                str(listener.address),
                listener.acceptor.handshakes,
                listener.acceptor.failed_handshakes,
                listener.acceptor.bad_headers,
                {one.path: one.expires_at for one in listener.front.value.certificates}
                if listener.front
                else {},
            )
            for listener in self._listeners
            if listener.acceptor
        ]

    @property
    def refused(self) -> Mapping[int, int]:
        return self._ledger.refused

    @property
    def lost_access_lines(self) -> int:
        return self._ledger.lost_lines
