"""The routing table of a node, and how a new one gets into its listeners."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from cluster_lb.proxy.mirror import Shadows
from cluster_lb.proxy.pool import LivePool
from cluster_lb.proxy.pools import LivePools
from cluster_lb.proxy.rate_limits import RouteLimit
from cluster_lb.proxy.route_table import RouteTable, build_table
from cluster_lb.proxy.ticker import Ticker
from cluster_lb.routing.table import MatchTable
from cluster_lb.settings.routes import RouteSettings
from cluster_lb.settings.schema import PoolSettings


class LiveRoutes:
    """Tables are offered as they come; `run` compiles the newest in a thread, so that a large one never holds
    up traffic, and hands it to `on_adopted`. Exchanges under way go on under the route that they took."""

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
        self._offered: Sequence[RouteSettings] | None = None
        self._news = asyncio.Event()

    def offer(self, routes: Sequence[RouteSettings]) -> None:
        """Take over `routes` soon, unless others come first."""
        self._offered = routes
        self._news.set()

    async def run(self) -> None:
        """Adopt what is offered, for ever."""
        while True:
            await self._news.wait()
            self._news.clear()
            await self.adopt_offered()

    async def adopt_offered(self) -> None:
        """Adopt what was offered last."""
        while self._offered is not None:
            routes, self._offered = self._offered, None
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
