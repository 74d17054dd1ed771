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
from cluster_lb.proxy.offers import Offers
from cluster_lb.proxy.pool import LivePool
from cluster_lb.proxy.sticky import Sticky
from cluster_lb.proxy.ticker import Ticker
from cluster_lb.settings.schema import PoolSettings

_Offer = tuple[Snapshot, PoolSettings, Dial | None]


class LivePools:
    """Pools by name. Of the snapshots that are offered the newest of each pool is compiled in a thread, so
    that a large one never holds up traffic, and swapped in (`offers`). `slow_s`: exchanges that take so long
    are looked at by themselves. `locality`: where this node is."""

    def __init__(self, ticker: Ticker, make_tickets: Callable[[str], Tickets], slow_s: float = 0.0) -> None:
        self.by_name: dict[str, LivePool] = {}
        self.on_adopted: list[Callable[[LivePool], None]] = []
        self._ticker = ticker
        self._slow_s = slow_s
        self._make_tickets = make_tickets
        self.offers = Offers(self._adopt)
        self._newest: dict[str, _Offer] = {}  # offered ever, by pool
        self.locality = Locality()

    def ensure(self, name: str) -> LivePool:
        """The pool of that name; one that the cluster does not know yet has no servers."""
        pool = self.by_name.get(name)
        if pool is None:
            pool = LivePool(name, self._make_tickets(name), self._ticker, PoolSettings(), self._slow_s)
            self.by_name[name] = pool
        return pool

    def offer(self, snapshot: Snapshot, settings: PoolSettings, dial: Dial | None = None) -> None:
        """Take over `snapshot` soon, unless a newer one comes first."""
        self._newest[snapshot.pool] = (snapshot, settings, dial)
        self.offers.put(snapshot.pool, self._newest[snapshot.pool])

    def move(self, locality: Locality) -> None:
        """This node is in `locality` from now on: pools whose picks go by zones are compiled anew, soon."""
        if locality == self.locality:
            return
        self.locality = locality
        for pool, offer in self._newest.items():
            if offer[0].prefers_zones:
                self.offers.put(pool, offer)

    async def _adopt(self, offer: _Offer) -> None:
        snapshot, settings, dial = offer
        plan = await asyncio.to_thread(compile_policy, snapshot, self.locality)
        tokens = await asyncio.to_thread(make_tokens, snapshot) if snapshot.sticky_secrets else ()
        pool = self.ensure(snapshot.pool)
        pool.configure(settings, dial)
        pool.adopt(snapshot, plan)
        pool.stick(Sticky(pool, settings.sticky, tokens) if tokens else None)
        pool.tickets.adopt(snapshot.epoch, plan.period)
        for callback in self.on_adopted:
            callback(pool)
