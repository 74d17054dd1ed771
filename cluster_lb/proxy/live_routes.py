"""The routing table of a node, and how a new one gets into its listeners."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from cluster_lb.proxy.mirror import Shadows
from cluster_lb.proxy.offers import Offers
from cluster_lb.proxy.pool import LivePool
from cluster_lb.proxy.pools import LivePools
from cluster_lb.proxy.rate_limits import RouteLimit
from cluster_lb.proxy.route_table import RouteTable, build_table
from cluster_lb.proxy.ticker import Ticker
from cluster_lb.routing.table import MatchTable
from cluster_lb.settings.routes import RouteSettings
from cluster_lb.settings.schema import PoolSettings


class LiveRoutes:
    """Of the tables that are offered the newest is compiled in a thread, so that a large one never holds up
    traffic, and handed to `on_adopted` (`offers`). Exchanges under way go on under the route that they
    took."""

    def __init__(
        self,
        pools: LivePools,
        ticker: Ticker,
        limits_of: Callable[[RouteSettings], tuple[RouteLimit, ...]],
        on_adopted: Callable[[RouteTable], None],
    ) -> None:
        self.table = RouteTable(MatchTable(()), ())
        self.shadows = Shadows(ticker)
        self._pools = pools
        self._limits_of = limits_of
        self._on_adopted = on_adopted
        self._nowhere = LivePool("-", _NoTickets(), ticker, PoolSettings())
        self.offers = Offers(self._adopt)

    def offer(self, routes: Sequence[RouteSettings]) -> None:
        """Take over `routes` soon, unless others come first."""
        self.offers.put("routes", routes)

    async def _adopt(self, routes: Sequence[RouteSettings]) -> None:
        names = {name for route in routes for name in (*route.pool_weights, route.mirror) if name}
        pools = {name: self._pools.ensure(name) for name in names}
        limits = [self._limits_of(route) for route in routes]
        self.table = await asyncio.to_thread(
            build_table, routes, pools, self._nowhere, self.shadows, self.table, limits
        )
        self._on_adopted(self.table)


class _NoTickets:
    """For the pool of requests that go to none."""

    def take(self) -> int:
        return 0

    def adopt(self, epoch: int, period: int) -> None:
        """There are no turns."""
