"""The pulse of a node: what it tells Redis of itself, over and over.

Each second: its lease as a member, its lease and load in each pool, a sweep of the pools, their weights. In
between, a few times a second, the load of a pool where it changed, or where the other nodes' is wanted too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from cluster_lb.errors import StoreError, StoreUnavailableError
from cluster_lb.logs import Repeats
from cluster_lb.model.member import Member
from cluster_lb.model.place import Place
from cluster_lb.proxy.pools import LivePools
from cluster_lb.store.loads import Loads
from cluster_lb.store.membership import Membership
from cluster_lb.store.registry import Registry, SweepResult
from cluster_lb.store.view import View
from cluster_lb.store.weights import Weights

_log = structlog.get_logger("pulse")

BEAT_S = 1.0  # five beats to a lease of 5 s
LOAD_S = 0.25  # a changed load is told within this


class Pulse:
    """Keeps the node's leases. `describe` says what the others may know of it."""

    def __init__(
        self,
        *,
        node_id: str,
        lease_ms: int,
        describe: Callable[[], Member],
        membership: Membership,
        loads: Loads,
        registry: Registry,
        weights: Weights,
        view: View,
        pools: LivePools,
    ) -> None:
        self._node_id = node_id
        self._lease_ms = lease_ms
        self._describe = describe
        self._membership = membership
        self._loads = loads
        self._registry = registry
        self._weights = weights
        self._view = view
        self._pools = pools
        self._told: dict[
            str, tuple[int, dict[str, int], int]
        ] = {}  # pool -> epoch, load, settled, as last told
        self._heard: set[str] = set()  # pools in which other nodes had something in flight
        self._repeats = Repeats()  # of pools; empty: of the membership
        self._held: set[str] = set()  # pools whose expiry was held at the last sweep
        self._twin = 0  # when the node was started that the log names already

    async def run(self) -> None:
        """Beat for ever. What Redis does not take is told again with the next beat."""
        beats_each = round(BEAT_S / LOAD_S)
        count = 0
        while True:
            try:
                await self.beat(whole=count % beats_each == 0)
            except StoreUnavailableError:
                self._told.clear()
            except StoreError as error:
                self._complain("", error)
            count += 1
            await asyncio.sleep(LOAD_S)

    async def beat(self, *, whole: bool) -> None:
        """One beat; `whole`: with leases, sweeps and weights, whether anything changed or not."""
        if whole:
            me = self._describe()
            self._look_for_twin(me, await self._membership.renew(me))
            self._repeats.over("")
        for name in list(self._view.readings):
            try:
                await self._beat_in(name, whole=whole)
            except StoreUnavailableError:
                raise
            except StoreError as error:  # the other pools go on
                self._complain(name, error)

    def _look_for_twin(self, me: Member, before: Member) -> None:
        """A node that was started later under this one's id, and wrote in between: each takes what the other
        told for its own."""
        if before.started_at_ms > max(me.started_at_ms, self._twin):
            self._twin = before.started_at_ms
            _log.error("another node has the same id; give each its own", node=me.id, admin=before.admin)

    async def _beat_in(self, name: str, *, whole: bool) -> None:
        await self._publish(name, whole=whole)
        if whole:
            self._report(name, await self._registry.sweep(name))
            await self._weights.adjust(self._view.readings[name])
            self._repeats.over(name)

    def _complain(self, pool: str, error: StoreError) -> None:
        if self._repeats.is_new(pool, str(error)):
            _log.error("cannot tell redis of this node", pool=pool, problem=str(error))

    async def _publish(self, name: str, *, whole: bool) -> None:
        pool = self._pools.ensure(name)
        loads = {server.id: server.load for server in pool.servers.values() if server.load}
        shared = pool.hears_loads
        news = (pool.epoch, loads, pool.settled if shared else 0)
        listens = pool.limits is not None or name in self._heard
        if not (whole or listens) and self._told.get(name) == news:
            return
        heard = await self._loads.publish(
            name,
            self._node_id,
            self._lease_ms,
            pool.epoch,
            loads,
            elsewhere=shared,
            latencies=pool.told_latencies(),
        )
        self._told[name] = news
        if shared:
            members = [member.id for member in self._view.members]
            pool.hear_loads(Place.of(self._node_id, members), heard.elsewhere)
            pool.hear_latencies(heard.latencies)
        (self._heard.add if heard.elsewhere else self._heard.discard)(name)
        if heard.epoch != pool.epoch:
            self._view.refresh(name)

    def _report(self, pool: str, swept: SweepResult) -> None:
        for server_id in swept.retired:
            _log.warning("server retired: its lease ended", pool=pool, server=server_id)
        if swept.stale:
            _log.error(
                "most servers of the pool stopped their heartbeats at once: kept for one more lease",
                pool=pool,
                servers=len(swept.stale),
                registered=swept.registered,
            )
        if swept.held and pool not in self._held:
            _log.warning("redis was away: no server is retired for two leases", pool=pool)
        if swept.held:
            self._held.add(pool)
        else:
            self._held.discard(pool)

    async def leave(self) -> None:
        """Give up the membership; votes and loads end with it."""
        for name in list(self._view.readings):
            await self._loads.publish(name, self._node_id, 1, self._pools.ensure(name).epoch, {})
        await self._membership.leave(self._node_id)
