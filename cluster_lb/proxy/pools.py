"""The live pools of a node, and how a new snapshot gets into them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cluster_lb.dial import Dial
from cluster_lb.model.locality import Locality
from cluster_lb.model.ports import Tickets
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking import compile_policy
from cluster_lb.picking.tokens import make_tokens
from cluster_lb.proxy.pool import LivePool
from cluster_lb.proxy.sticky import Sticky
from cluster_lb.proxy.ticker import Ticker
from cluster_lb.settings.schema import PoolSettings


class LivePools:
    """Pools by name. Snapshots are offered as they come; `run` compiles the newest of each pool in a thread,
    so that a large one never holds up traffic, and swaps it in. `slow_s`: exchanges that take so long are
    looked at by themselves. `locality`: where this node is."""

    def __init__(self, ticker: Ticker, make_tickets: Callable[[str], Tickets], slow_s: float = 0.0) -> None:
        self.by_name: dict[str, LivePool] = {}
        self.on_adopted: list[Callable[[LivePool], None]] = []
        self._ticker = ticker
        self._slow_s = slow_s
        self._make_tickets = make_tickets
        self._offered: dict[str, tuple[Snapshot, PoolSettings, Dial | None]] = {}
        self._newest: dict[str, tuple[Snapshot, PoolSettings, Dial | None]] = {}  # offered ever, by pool
        self.locality = Locality()
        self._news = asyncio.Event()

    def ensure(self, name: str) -> LivePool:
        """The pool of that name; one that the cluster does not know yet has no servers."""
        pool = self.by_name.get(name)
        if pool is None:
            pool = LivePool(name, self._make_tickets(name), self._ticker, PoolSettings(), self._slow_s)
            self.by_name[name] = pool
        return pool

    def offer(self, snapshot: Snapshot, settings: PoolSettings, dial: Dial | None = None) -> None:
        """Take over `snapshot` soon, unless a newer one comes first."""
        self._offered[snapshot.pool] = self._newest[snapshot.pool] = (snapshot, settings, dial)
        self._news.set()

    def move(self, locality: Locality) -> None:
        """This node is in `locality` from now on: pools whose picks go by zones are compiled anew, soon."""
        if locality == self.locality:
            return
        self.locality = locality
        for offer in self._newest.values():
            if offer[0].prefers_zones:
                self._offered[offer[0].pool] = offer
                self._news.set()

    async def run(self) -> None:
        """Adopt what is offered, for ever."""
        while True:
            await self._news.wait()
            self._news.clear()
            await self.adopt_offered()

    async def adopt_offered(self) -> None:
        """Adopt what was offered so far."""
        while self._offered:
            _, (snapshot, settings, dial) = self._offered.popitem()
            await self._adopt(snapshot, settings, dial)

    async def _adopt(self, snapshot: Snapshot, settings: PoolSettings, dial: Dial | None) -> None:
        plan = await asyncio.to_thread(compile_policy, snapshot, self.locality)
        tokens = await asyncio.to_thread(make_tokens, snapshot) if snapshot.sticky_secrets else ()
        pool = self.ensure(snapshot.pool)
        pool.configure(settings, dial)
        pool.adopt(snapshot, plan)
        pool.stick(Sticky(pool, settings.sticky, tokens) if tokens else None)
        pool.tickets.adopt(snapshot.epoch, plan.period)
        for callback in self.on_adopted:
            callback(pool)
