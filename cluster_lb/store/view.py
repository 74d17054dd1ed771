"""The view: this node's copies of what all nodes share, kept fresh by hints and by a timer.

A hint with a higher epoch leads to one read of its pool. Hints may be lost: each second the timer reads what
changed, and every 10 s everything. While Redis is away, or came back without what this node knows, the
last good copies stay.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

import structlog

from cluster_lb.clock import Clock, SystemClock
from cluster_lb.errors import StoreError, StoreUnavailableError
from cluster_lb.model.member import Member
from cluster_lb.settings.routes import RouteSettings
from cluster_lb.store.bus import Bus, Hint, Subscribed
from cluster_lb.store.client import Store
from cluster_lb.store.membership import Membership
from cluster_lb.store.pacing import Pacing
from cluster_lb.store.pools import PoolConfigs
from cluster_lb.store.readings import PoolReader, PoolReading
from cluster_lb.store.reseed import needs_seeding, seed_pool
from cluster_lb.store.sticky_secret import make_secret, needs_secret
from cluster_lb.tasks import TaskSet

_log = structlog.get_logger("view")

CHECK_S = 1.0  # what no hint told is seen within this
WHOLE_EVERY = 10  # checks: then also what raises no epoch (reports, leases, members' figures) is read

T = TypeVar("T")


class View:
    """Copies of pools, routes and members. `readings`: the last good one of each pool.

    Callbacks run in the event loop and must not raise: `on_pool` after each reading with another epoch,
    `on_routes` and `on_members` (who they are and where, not their figures) after each change, `on_hint`
    with every hint heard. `node_id`: this node; while it is a member no more, who they are stays as it was.
    """

    def __init__(self, store: Store, node_id: str, *, clock: Clock | None = None) -> None:
        self.readings: dict[str, PoolReading] = {}
        self.routes: tuple[RouteSettings, ...] = ()
        self.members: tuple[Member, ...] = ()
        self.on_pool: list[Callable[[PoolReading], None]] = []
        self.on_routes: list[Callable[[tuple[RouteSettings, ...]], None]] = []
        self.on_members: list[Callable[[tuple[Member, ...]], None]] = []
        self.on_hint: list[Callable[[Hint], None]] = []
        self._store = store
        self._clock = clock or SystemClock()
        self._node_id = node_id
        self._log = _log.bind(node=node_id)
        self._reader = PoolReader(store)
        self._membership = Membership(store)
        self._configs = PoolConfigs(store)
        self._bus = Bus(store)
        self._tasks = TaskSet()
        self._routes_revision = 0
        self._checked_at = -math.inf
        self._contact: dict[str, float] = {}  # pool -> when Redis last told of it
        self._pacing = Pacing()
        self._whole: set[str] = set()  # pools whose next read is a full one, whatever their epoch
        self._wanted = asyncio.Event()  # set when a pool wants a read
        self._check_wanted = asyncio.Event()
        self._reading = asyncio.Lock()  # an older answer must not come after a newer one
        self._troubles: dict[str, str] = {}  # what failed -> the message already logged
        store.on_up.append(self._refresh_all)

    def age_s(self) -> float:
        """Seconds since Redis last told of the pool that it is longest ago for; infinite before the first
        contact."""
        return self._clock.monotonic() - min([self._checked_at, *self._contact.values()])

    def refresh(self, pool: str, *, urgent: bool = False) -> None:
        """Read `pool` soon, in the background. `urgent`: a server must be taken out."""
        self._pacing.want(pool, urgent=urgent)
        self._wanted.set()

    async def resync(self, pool: str | None = None) -> None:
        """Read one pool, or everything, now. StoreUnavailableError or StoreError."""
        if pool is not None:
            await self._read(pool)
            return
        names = await self._check_names()
        await self._check_routes(whole=True)
        await self._check_members(whole=True)
        for name in names:
            await self._read(name)
        self._checked_at = self._clock.monotonic()

    async def run(self) -> None:
        """Keep the copies fresh, for ever."""
        loops = [
            self._tasks.start(self._hear(), "view: hints"),
            self._tasks.start(self._check_again_and_again(), "view: timer"),
            self._tasks.start(self._read_what_is_wanted(), "view: reads"),
        ]
        try:
            await asyncio.wait(loops)  # unlike gather it cancels none: stop() does, once
        finally:
            await self._tasks.stop()

    def _refresh_all(self) -> None:
        for pool in self.readings:
            self.refresh(pool)
        self._check_wanted.set()

    async def _hear(self) -> None:
        async with aclosing(self._bus.events()) as events:
            async for event in events:
                if isinstance(event, Subscribed):
                    self._refresh_all()
                else:
                    self._take_hint(event)

    def _take_hint(self, hint: Hint) -> None:
        known = self.readings.get(hint.pool)
        if not hint.pool:
            self._check_wanted.set()
        elif known is None or known.epoch != hint.epoch:
            self.refresh(hint.pool, urgent=bool(hint.takes))
        for callback in self.on_hint:
            callback(hint)

    async def _check_again_and_again(self) -> None:
        for count in itertools.count():
            await self._check(whole=count % WHOLE_EVERY == 0)
            try:
                async with asyncio.timeout(CHECK_S):
                    await self._check_wanted.wait()
            except TimeoutError:
                continue
            self._check_wanted.clear()

    async def _check(self, *, whole: bool) -> None:
        names = await self._tried("pool names", self._check_names())
        for pool in {*(names or ()), *self.readings}:
            if whole:
                self._whole.add(pool)
            self.refresh(pool)
        await self._tried("routes", self._check_routes(whole=whole))
        await self._tried("members", self._check_members(whole=whole))
        if names is not None:
            self._checked_at = self._clock.monotonic()

    async def _tried(self, what: str, work: Coroutine[Any, Any, T]) -> T | None:
        """The result of `work`; None when Redis is away (the timer, and its return, try again) or refuses,
        which is logged once."""
        try:
            result = await work
        except StoreUnavailableError:
            return None
        except StoreError as error:
            if self._troubles.get(what) != str(error):
                self._log.error("cannot read from redis", what=what, problem=str(error))
            self._troubles[what] = str(error)
            return None
        self._troubles.pop(what, None)
        return result

    async def _check_names(self) -> list[str]:
        names = set(await self._store.call("SMEMBERS", self._store.keys.pools))
        if lost := sorted(set(self.readings) - names):
            await self._configs.restore_names(lost)
        return sorted(names.union(lost))

    async def _check_routes(self, *, whole: bool) -> None:
        if not whole and await self._configs.routes_revision() == self._routes_revision:
            return
        revision, routes = await self._configs.routes()
        if revision < self._routes_revision:
            await self._configs.restore_routes(self._routes_revision, self.routes)
            revision, routes = await self._configs.routes()
        if revision < self._routes_revision:  # it was not older, but says what this version does not know
            raise StoreError(f"the routing table cannot be read; revision {self._routes_revision} stays")
        changed = routes != self.routes
        self._routes_revision, self.routes = revision, routes
        if changed:
            for callback in self.on_routes:
                callback(routes)

    async def _check_members(self, *, whole: bool) -> None:
        before = [(member.id, member.zone) for member in self.members]
        if not whole and list(await self._membership.leases()) == [node for node, _ in before]:
            return
        found = await self._membership.members()
        if self._node_id in {node for node, _ in before} - {member.id for member in found}:
            return  # Redis takes no writes, or forgot them: the others' leases ended just as this node's
        self.members = found
        if [(member.id, member.zone) for member in found] != before:
            for callback in self.on_members:
                callback(self.members)

    async def _read_what_is_wanted(self) -> None:
        while True:
            while (pool := self._pacing.next_due(self._clock.monotonic())) is not None:
                began = self._clock.monotonic()
                await self._tried(f"pool {pool}", self._read(pool))
                self._pacing.was_read(pool, began, self._clock.monotonic())
            self._wanted.clear()
            try:
                async with asyncio.timeout(self._pacing.delay_s(self._clock.monotonic())):
                    await self._wanted.wait()
            except TimeoutError:
                continue

    async def _read(self, pool: str) -> None:
        async with self._reading:
            held = self.readings.get(pool)
            whole = pool in self._whole
            self._whole.discard(pool)
            found = await self._reader.read(pool, None if whole else held)
            if held is not None and found is not held and needs_seeding(held, found):
                await seed_pool(self._store, held, found)
                found = await self._reader.read(pool)
            if found is not None:
                self._contact[pool] = self._clock.monotonic()
                self._keep(found, held)
                if needs_secret(found):
                    await make_secret(self._store, pool)
                    self.refresh(pool)

    def _keep(self, found: PoolReading, held: PoolReading | None) -> None:
        self.readings[found.pool] = found
        if held is None or (held.epoch, held.origin) != (found.epoch, found.origin):
            for callback in self.on_pool:
                callback(found)
