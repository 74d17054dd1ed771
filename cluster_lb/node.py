"""One node: what it is made of, and the order in which it starts, drains and stops.

Start: bind the listeners (a taken port is known at once), answer on the admin address, read the cluster's
state, and only then accept clients. With Redis away it waits for it, alive but not ready.
Stop: accept no more, report not ready, let what is under way end, leave the cluster.
"""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from random import Random
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from cluster_lb import __version__
from cluster_lb.admin.app import build_app
from cluster_lb.admin.hub import EventHub
from cluster_lb.admin.sources import MetricsSources
from cluster_lb.admin.state import AdminState
from cluster_lb.changes import changes, member_changes
from cluster_lb.clock import SystemClock
from cluster_lb.dial import Dials
from cluster_lb.early_words import EarlyWords
from cluster_lb.errors import SettingsError, StoreUnavailableError
from cluster_lb.health.overlay import Overlay
from cluster_lb.health.passive import Passive
from cluster_lb.health.probe import probe
from cluster_lb.health.prober import Prober
from cluster_lb.health.sessions import Sessions
from cluster_lb.model.locality import Locality
from cluster_lb.model.member import Member
from cluster_lb.model.verdict import Vote
from cluster_lb.proxy.access_log import AccessLog
from cluster_lb.proxy.ledger import Ledger
from cluster_lb.proxy.listener import Listener, bind
from cluster_lb.proxy.live_routes import LiveRoutes
from cluster_lb.proxy.outcomes import Traffic
from cluster_lb.proxy.pools import LivePools
from cluster_lb.proxy.rate_limits import limits_of
from cluster_lb.proxy.route_table import RouteTable
from cluster_lb.proxy.router import Router
from cluster_lb.proxy.stats import Accounts
from cluster_lb.proxy.ticker import Ticker
from cluster_lb.proxy.tracing import Tracer
from cluster_lb.pulse import Pulse
from cluster_lb.settings.logging import AccessLogForm
from cluster_lb.settings.schema import Settings
from cluster_lb.store.agents import Agents
from cluster_lb.store.bus import Hint
from cluster_lb.store.client import Store
from cluster_lb.store.loads import Loads
from cluster_lb.store.membership import Membership
from cluster_lb.store.outliers import Outliers
from cluster_lb.store.pools import PoolConfigs
from cluster_lb.store.rate_limits import SharedLimits
from cluster_lb.store.readings import PoolReading
from cluster_lb.store.registry import Registry
from cluster_lb.store.tickets import SharedTickets
from cluster_lb.store.verdicts import Verdicts
from cluster_lb.store.view import View
from cluster_lb.store.weights import Weights
from cluster_lb.tasks import TaskSet
from cluster_lb.tls.front import watched_front
from cluster_lb.tls.watch import Watch

if TYPE_CHECKING:
    from cluster_lb.spans import Spans

_log = structlog.get_logger("node")


class Node:
    """A node over `store`, serving on `sockets` (bound, one for each of `settings.listeners`)."""

    def __init__(self, settings: Settings, store: Store, sockets: Sequence[socket.socket]) -> None:
        self._settings = settings
        self._store = store
        self._sockets = sockets
        self.id = settings.node.id
        self._lease_ms = round(settings.node.lease_s * 1000)
        self._clock = SystemClock()
        self._started_at_ms = round(self._clock.wall() * 1000)
        self._not_ready = "no snapshot of the cluster yet"
        self._stop = asyncio.Event()
        self._stop_now = asyncio.Event()
        self._tasks = TaskSet()
        self._beating: asyncio.Task[None] | None = None

        self._access = _access_log(settings, self._clock)
        self._ledger = Ledger(settings.node.slow_request_ms, self._access)
        self._ticker = Ticker(self._clock)
        self._tickets: dict[str, SharedTickets] = {}
        self._rate_limits = SharedLimits(store, clock=self._clock)
        self._ticker.watch(self._rate_limits.check)
        self._pools = LivePools(self._ticker, self._new_tickets, settings.node.slow_request_ms / 1000)
        self._pools.move(Locality.of(self.id, settings.node.zone, ()))
        self._routes = LiveRoutes(
            self._pools,
            self._ticker,
            partial(limits_of, ensure=self._rate_limits.ensure),
            self._on_table,
        )

        self._registry = Registry(store)
        self._membership = Membership(store, self._lease_ms)
        self._verdicts = Verdicts(store)
        self._events = EventHub()
        self._view = View(store, self.id)
        self._view.on_pool.append(self._on_pool)
        self._view.on_routes.append(self._routes.offer)
        self._view.on_members.append(self._on_members)
        self._view.on_hint.append(self._on_hint)
        self._view.on_hint.append(self._events.publish)
        self._readings: dict[str, PoolReading] = {}
        self._members: Sequence[Member] = ()  # as last logged

        self._tls = Watch(self._clock.wall)
        self._dials = Dials(self._tls, self._clock.wall)
        self._spans = _spans(settings)
        sample = settings.node.tracing.sample
        tracer = Tracer(self._spans.export, sample, Random()) if self._spans else None
        self._overlay = Overlay(self._on_overlay, clock=self._clock, random=Random())
        self._words = EarlyWords(self._pools, self._overlay.is_out, self._clock)
        self._pools.on_adopted.append(self._words.on_adopted)
        self._ticker.watch(self._words.on_tick)
        judge = partial(Outliers(store).judge, self.id)
        self._passive = Passive(judge, Traffic(self._pools), self._clock)
        self._listeners = [
            Listener(
                listener,
                sock,
                Router(self._pools.ensure(listener.pool)),
                self._ledger,
                self._ticker,
                self._tasks,
                self._overlay.report_unreachable,
                settings.node.max_connections,
                front=watched_front(listener, self._tls, self._clock.wall),
                tracer=tracer,
            )
            for listener, sock in zip(settings.listeners, sockets, strict=True)
        ]
        self._pulse = Pulse(
            node_id=self.id,
            lease_ms=self._lease_ms,
            describe=self._describe,
            membership=self._membership,
            loads=Loads(store),
            registry=self._registry,
            weights=Weights(store),
            view=self._view,
            pools=self._pools,
        )

    # --- life

    async def run(self) -> None:
        """Serve until `stop` is called. Raises SettingsError when the admin address is taken."""
        async with AsyncExitStack() as stack:
            if self._access is not None:
                stack.callback(self._access.close)
            if self._spans is not None:
                stack.push_async_callback(asyncio.to_thread, self._spans.close)
            stack.push_async_callback(self._tasks.stop)
            await stack.enter_async_context(self._overlay)
            await self._open_prober(stack)
            await self._open_admin(stack)
            self._tasks.start(self._tls.run(), "TLS files")
            self._ticker.start()
            stack.callback(self._ticker.stop)
            self._ticker.watch(self._ledger.on_tick)
            starting = self._tasks.start(self._start(), "start")
            await self._stop.wait()
            starting.cancel()
            await self._drain()

    async def _start(self) -> None:
        """Learn the cluster's state, then accept clients."""
        await self._seed()
        await self._pools.offers.adopt_all()
        await self._routes.offers.adopt_all()
        self._tasks.start(self._pools.offers.run(), "adopt snapshots")
        self._tasks.start(self._routes.offers.run(), "adopt routes")
        self._tasks.start(self._view.run(), "view")
        self._tasks.start(self._rate_limits.run(), "rate limits")
        self._tasks.start(self._passive.run(), "passive health")
        self._beating = self._tasks.start(self._pulse.run(), "pulse")
        for listener in self._listeners:
            await listener.start()
        # What lives now lives for good: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        self._not_ready = ""
        where = ", ".join(f"{listener.address} -> {listener.pool_name}" for listener in self._listeners)
        _log.info("serving", node=self.id, listeners=where, admin=str(self._settings.node.admin))

    async def _seed(self) -> None:
        """Give the cluster what the settings file has and it has not; read it whole."""
        settings = self._settings
        waits = False
        while True:
            try:
                differences = await PoolConfigs(self._store).seed(settings.pools, settings.routes)
                await self._view.resync()
                break
            except StoreUnavailableError as error:
                if not waits:
                    waits = True
                    _log.warning("redis does not answer: waiting for it before serving", problem=str(error))
                await self._store.wait_up()
        for difference in differences:
            _log.warning(
                "the cluster's settings differ from the file; `apply` replaces them", what=difference
            )

    async def _drain(self) -> None:
        """Let what is under way end, within the grace time, and leave the cluster."""
        grace_s = self._settings.node.grace_s
        self._not_ready = "draining"
        _log.info("draining", node=self.id, grace_s=grace_s, connections=self._ledger.connections)
        for listener in self._listeners:
            listener.drain()
        try:
            async with asyncio.timeout(grace_s):
                await self._empty_or_forced()
        except TimeoutError:
            _log.warning("grace time is over", node=self.id, connections=self._ledger.connections)
        for listener in self._listeners:
            listener.abort()
        if self._beating is not None and not self._stop_now.is_set():
            self._beating.cancel()
            await self._leave()
        _log.info("stopped", node=self.id)

    async def _leave(self) -> None:
        try:
            await self._pulse.leave()
        except StoreUnavailableError:
            _log.warning("redis does not answer: the membership ends with its lease", node=self.id)

    async def _empty_or_forced(self) -> None:
        empty = [self._tasks.start(listener.empty.wait(), "drain") for listener in self._listeners]
        forced = self._tasks.start(self._stop_now.wait(), "second signal")
        everyone = self._tasks.start(asyncio.wait(empty), "drain all")
        await asyncio.wait([everyone, forced], return_when=asyncio.FIRST_COMPLETED)

    def stop(self) -> None:
        """Drain and stop; called again, stop at once."""
        if self._stop.is_set():
            self._stop_now.set()
        self._stop.set()

    def reload(self) -> None:
        """Read the TLS files again."""
        self._tls.hurry()

    def reopen_logs(self) -> None:
        """Go on in new files, after the old ones were moved away."""
        if self._access is not None:
            self._access.reopen()

    # --- parts

    async def _open_prober(self, stack: AsyncExitStack) -> None:
        sessions = await stack.enter_async_context(Sessions())

        async def cast(pool: str, votes: Mapping[str, Vote]) -> None:
            health = self._readings[pool].settings.health
            await self._verdicts.cast(pool, self.id, votes, self._lease_ms, health)

        self._prober = Prober(
            self.id,
            probe=partial(probe, sessions=sessions, clock=self._clock),
            cast=cast,
            advise=Agents(self._store).note,
            on_local=self._overlay.hear_tally,
            clock=self._clock,
            random=Random(),
        )
        self._prober.on_observation.append(self._passive.hear_probe)
        await stack.enter_async_context(self._prober)

    async def _open_admin(self, stack: AsyncExitStack) -> None:
        node = self._settings.node
        state = AdminState(
            node_id=self.id,
            started_at_ms=self._started_at_ms,
            view=self._view,
            registry=self._registry,
            membership=self._membership,
            ready=lambda: (not self._not_ready, self._not_ready),
            metrics=MetricsSources(
                data_path=Accounts(self._pools, self._ledger, self._listeners, self._tls, self._routes),
                tickets=lambda: self._tickets,
                rate_limits=lambda: self._rate_limits.by_name,
                store=self._store,
                passive=self._passive,
                flips=self._verdicts.flips,
            ),
            events=self._events,
            token=node.admin_token,
        )
        runner = web.AppRunner(build_app(state), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.SockSite(runner, bind(node.admin, "admin")).start()

    def _new_tickets(self, pool: str) -> SharedTickets:
        tickets = SharedTickets(self._store, pool, on_epoch=lambda epoch: self._view.refresh(pool))
        self._tickets[pool] = tickets
        self._tasks.start(tickets.run(), f"tickets of {pool}")
        return tickets

    def _describe(self) -> Member:
        return Member(
            id=self.id,
            version=__version__,
            zone=self._settings.node.zone,
            listeners=tuple(str(listener.address) for listener in self._listeners),
            admin=str(self._settings.node.admin),
            started_at_ms=self._started_at_ms,
            snapshot_age_ms=round(self._view.age_s() * 1000),
            epochs={name: pool.epoch for name, pool in self._pools.by_name.items()},
        )

    # --- what the parts tell one another

    def _on_hint(self, hint: Hint) -> None:
        reading = self._readings.get(hint.pool)
        if reading is not None:
            self._words.hear_hint(hint, reading.snapshot)

    def _on_pool(self, reading: PoolReading) -> None:
        snapshot = reading.snapshot
        before = self._readings.get(snapshot.pool)
        self._words.hear_snapshot(snapshot)
        self._readings[snapshot.pool] = reading
        for level, event, fields in changes(before.snapshot if before else None, snapshot):
            getattr(_log, level)(event, pool=snapshot.pool, epoch=snapshot.epoch, **fields)
        dial = self._dials.of_pool(reading.settings)
        probes_dial = self._dials.of_probes(reading.settings)
        self._prober.update(snapshot.pool, snapshot.servers, reading.settings.health, probes_dial)
        self._overlay.update(snapshot.pool, snapshot.servers, panics=snapshot.panics, dial=dial)
        self._passive.update(snapshot, reading.settings)
        self._pools.offer(snapshot, reading.settings, dial)

    def _on_overlay(self, pool: str, server_id: str, out: bool, reason: str) -> None:
        self._words.settle(pool, server_id)

    def _on_members(self, members: Sequence[Member]) -> None:
        for level, event, fields in member_changes(self.id, self._members, members):
            getattr(_log, level)(event, **fields)
        self._members = members
        self._prober.update_members([member.id for member in members])
        self._rate_limits.resize(len(members))
        self._pools.move(Locality.of(self.id, self._settings.node.zone, members))

    def _on_table(self, table: RouteTable) -> None:
        for listener in self._listeners:
            listener.route_by(Router(self._pools.ensure(listener.pool_name), table))
        self._rate_limits.retain(table.rate_limits)


def _access_log(settings: Settings, clock: SystemClock) -> AccessLog | None:
    node = settings.node
    if node.access_log is AccessLogForm.OFF:
        return None
    return AccessLog(
        node.access_log,
        node.access_log_path,
        clock,
        sample=node.access_log_sample,
        slow_s=node.slow_request_ms / 1000,
        request_ids=any(listener.request_id for listener in settings.listeners),
    )


def _spans(settings: Settings) -> Spans | None:
    """Raises SettingsError where the extra is missing."""
    endpoint = settings.node.tracing.endpoint
    if not endpoint:
        return None
    try:
        from cluster_lb.spans import Spans, open_collector
    except ImportError as error:
        text = f"needs OpenTelemetry ({error}): install cluster-lb[otel], or leave the endpoint empty"
        raise SettingsError("node.tracing.endpoint", text) from None
    return Spans(open_collector(endpoint), settings.node.id)
