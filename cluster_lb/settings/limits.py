"""How much a pool and each of its servers take at once, over the whole cluster."""

from __future__ import annotations

from pydantic import NonNegativeInt, PositiveFloat

from cluster_lb.settings.base import Table


class LimitSettings(Table):
    """`[pools.NAME.limits]`; 0: no limit (HAProxy; Envoy's circuit breakers have 1024 each)."""

    server_requests: NonNegativeInt = 0  # in flight on one server
    server_connections: NonNegativeInt = 0  # upstream connections to one server, idle ones included
    pool_requests: NonNegativeInt = 0  # in flight on all servers together
    queue: NonNegativeInt = 1024  # exchanges of one node that wait for room (Envoy max_pending_requests)
    queue_timeout_s: PositiveFloat = 5.0  # then 503 (HAProxy: timeout connect, 5 s in its examples)

    @property
    def bound(self) -> bool:
        """Whether there is any limit."""
        return bool(self.server_requests or self.server_connections or self.pool_requests)
