"""A route at work: where the requests that it matches go, and what is done to them on the way."""

from __future__ import annotations

from cluster_lb.proxy.pool import LivePool


class Route:
    """`plain`: requests go to `pool` as they are, so the common path is open to them."""

    __slots__ = ("plain", "pool")

    def __init__(self, pool: LivePool) -> None:
        self.pool = pool
        self.plain = True
