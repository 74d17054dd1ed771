"""A route at work: where the requests that it matches go, and what is done to them on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster_lb.proxy.exchange import Exchange
from cluster_lb.proxy.route_counts import RouteCounts

if TYPE_CHECKING:
    from cluster_lb.proxy.pool import LivePool
    from cluster_lb.proxy.rate_limits import RouteLimit
    from cluster_lb.proxy.request_memo import RequestMemo


class Route:
    """`plain`: requests go to servers as they are, so the common path is open to them. `exchange`: what is
    made of each; `counts`: of all of them. `rate_limits`: each must let a request pass, in this order.
    `max_body_bytes`: None: the listener's."""

    __slots__ = ("counts", "exchange", "max_body_bytes", "plain", "pool", "rate_limits")

    def __init__(
        self, pool: LivePool, exchange: type[Exchange] = Exchange, counts: RouteCounts | None = None
    ) -> None:
        self.pool = pool
        self.exchange = exchange
        self.counts = counts or RouteCounts()
        self.plain = True
        self.rate_limits: tuple[RouteLimit, ...] = ()
        self.max_body_bytes: int | None = None

    def request_head(self, request_line: bytes, memo: RequestMemo, peer: str) -> bytes:
        """What servers get for a request of the client at `peer`."""
        return request_line + memo.tail
