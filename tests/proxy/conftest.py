"""A balancer on a loopback port with its accounts open: the data path without a store, its time by hand."""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from itertools import count

import pytest
import structlog
import uvloop

from cluster_lb.dial import Dials
from cluster_lb.model.address import Address
from cluster_lb.model.advice import NO_ADVICE, Advice
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking import compile_policy
from cluster_lb.proxy.access_log import AccessLog
from cluster_lb.proxy.ledger import Ledger
from cluster_lb.proxy.listener import Listener, bind
from cluster_lb.proxy.mirror import Shadows
from cluster_lb.proxy.pool import LivePool
from cluster_lb.proxy.route_counts import RouteCounts
from cluster_lb.proxy.route_table import NO_ROUTES, build_table
from cluster_lb.proxy.router import Router
from cluster_lb.proxy.server import LiveServer
from cluster_lb.proxy.ticker import Ticker
from cluster_lb.proxy.tracing import Tracer
from cluster_lb.settings.logging import AccessLogForm
from cluster_lb.settings.routes import RouteSettings
from cluster_lb.settings.schema import ListenerSettings, PoolSettings
from cluster_lb.tasks import TaskSet
from cluster_lb.tls.front import watched_front
from cluster_lb.tls.watch import Watch
from tests.doubles.http_servers import Handler, HTTPServer, Peer, answering, connect
from tests.doubles.waiting import eventually


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Everything that touches a socket is tested on both loops that the project runs on."""
    return {"uvloop": new_uvloop, "asyncio": asyncio.new_event_loop}


def new_uvloop() -> asyncio.AbstractEventLoop:
    """uvloop only reports what a signal's handler raises, which is how a test's time limit ends it on
    asyncio: here whatever hangs has to be cancelled, or it would hang for ever."""
    loop = uvloop.new_event_loop()

    def report(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        loop.default_exception_handler(context)
        if isinstance(context.get("exception"), pytest.fail.Exception):
            for task in asyncio.all_tasks(loop):
                task.cancel()

    loop.set_exception_handler(report)
    return loop


class HandClock:
    """Stands still until it is told; begins now, because exchanges are stamped by the machine's clock."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return 1_700_000_000.0


class CountedTickets:
    """0, 1, 2, ..."""

    def __init__(self) -> None:
        self._numbers = count()

    def take(self) -> int:
        return next(self._numbers)

    def adopt(self, epoch: int, period: int) -> None:
        """Epochs change nothing here."""


class Balancer:
    """A listener in front of one pool."""

    def __init__(
        self,
        stack: AsyncExitStack,
        listener: ListenerSettings,
        pool: PoolSettings,
        limit: int,
        tracer: Tracer | None = None,
        log_form: AccessLogForm = AccessLogForm.TEXT,
    ) -> None:
        self._stack = stack
        self.clock = HandClock()
        self.ticker = Ticker(self.clock)
        self.tasks = TaskSet()
        self._log = stack.enter_context(tempfile.NamedTemporaryFile("rb"))
        self.access_log = AccessLog(log_form, self._log.name, self.clock, request_ids=listener.request_id)
        stack.callback(self.access_log.close)
        self.ledger = Ledger(500, self.access_log)
        self.pool = LivePool("web", CountedTickets(), self.ticker, pool)
        self.tls = Watch(time.time)
        self.pool.configure(pool, Dials(self.tls, time.time).of_pool(pool))
        self.pools = {"web": self.pool}
        self.nowhere = LivePool("-", CountedTickets(), self.ticker, pool)
        self.shadows = Shadows(self.ticker)
        self.table = NO_ROUTES
        self.unreachable: list[tuple[str, str, str]] = []
        self.servers: list[HTTPServer] = []
        self.listener = Listener(
            listener,
            bind(listener.bind),
            Router(self.pool),
            self.ledger,
            self.ticker,
            self.tasks,
            lambda *report: self.unreachable.append(report),
            limit,
            front=watched_front(listener, self.tls, time.time),
            tracer=tracer,
        )

    async def client(self, host: str = "127.0.0.1", **options: int) -> Peer:
        """A new client connection; closed at the end of the test."""
        peer = await connect(Address(host, self.listener.address.port), **options)
        self._stack.push_async_callback(peer.drop)
        return peer

    async def server(self, handler: Handler | None = None, **options: int) -> HTTPServer:
        """A new server (ids s0, s1, ...: tickets go to them in this order), in the pool at once."""
        server = await self._stack.enter_async_context(HTTPServer(handler, **options))
        self.servers.append(server)
        self.adopt(*(server.address for server in self.servers))
        return server

    async def answering(self, *steps: object, **options: object) -> HTTPServer:
        """A new server that answers requests with these steps."""
        return await self.server(answering(*steps, **options))

    def adopt(self, *addresses: Address, advice: Advice = NO_ADVICE) -> None:
        """The pool consists of these from now on. `advice`: of the agent of each."""
        servers = tuple(
            Server(f"s{number}", address, advice=advice) for number, address in enumerate(addresses)
        )
        snapshot = Snapshot("web", self.pool.epoch + 1, "round_robin", 0.5, servers)
        self.pool.adopt(snapshot, compile_policy(snapshot))

    def route(self, *routes: dict[str, object]) -> None:
        """The routing table consists of these from now on. Pools that they name and that are not there yet
        are made, without servers."""
        settings = [RouteSettings.model_validate(route) for route in routes]
        for name in {name for route in settings for name in (*route.pool_weights, route.mirror) if name}:
            if name not in self.pools:
                self.pools[name] = LivePool(name, CountedTickets(), self.ticker, PoolSettings())
        self.table = build_table(
            settings, self.pools, self.nowhere, self.shadows, self.table, draw=lambda: 0.0
        )
        self.listener.route_by(Router(self.pool, self.table))

    def counts(self, name: str) -> RouteCounts:
        """What was counted of a route."""
        return self.table.counts[name]

    async def other_server(self, pool: str, handler: Handler | None = None) -> HTTPServer:
        """A server that is all of another pool, which a route has named."""
        server = await self._stack.enter_async_context(HTTPServer(handler))
        servers = (Server(f"{pool}-0", server.address),)
        snapshot = Snapshot(pool, self.pools[pool].epoch + 1, "round_robin", 0.5, servers)
        self.pools[pool].adopt(snapshot, compile_policy(snapshot))
        return server

    def live(self, number: int = 0) -> LiveServer:
        return self.pool.servers[f"s{number}"]

    async def kept(self, number: int = 0, count: int = 1) -> None:
        """Wait until so many connections to a server are kept."""
        await eventually(lambda: len(self.live(number).idle) == count)

    def advance(self, seconds: float) -> None:
        """Let time pass, in ticks of at most a quarter of a second at the end."""
        self.clock.now += seconds - 0.25
        self.ticker.tick()
        self.clock.now += 0.25
        self.ticker.tick()

    def logged(self) -> list[str]:
        """The lines of the access log so far."""
        self.access_log.flush()
        self._log.seek(0)
        return self._log.read().decode().splitlines()

    def lines(self) -> list[str]:
        """The same without their time and address."""
        return [line.split(" ", 2)[2] for line in self.logged()]

    async def line(self, number: int = 0) -> str:
        """A line of the access log, once it is there, up to its attempts."""
        await eventually(lambda: len(self.lines()) > number)
        return self.lines()[number].partition(" in=")[0]

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        await eventually(lambda: not any(client.exchange for client in self.listener.clients))

    async def close(self) -> None:
        """End, and hold it to having kept no account open."""
        servers = [server for pool in self.pools.values() for server in pool.servers.values()]
        self.listener.drain()
        self.listener.abort()
        for server in servers:
            server.retire()
        await self.tasks.stop()
        await eventually(lambda: not self.listener.clients)
        await eventually(lambda: not any(server.connections for server in servers))
        assert [server for server in servers if server.load or server.idle] == []


StartBalancer = Callable[..., Balancer]


@pytest.fixture
async def start() -> AsyncIterator[StartBalancer]:
    """Starts balancers: `start(pool={...}, max_connections=..., tracer=..., log_form=..., **listener
    settings)`."""
    async with AsyncExitStack() as stack:

        async def start(
            *,
            pool: dict[str, object] | None = None,
            max_connections: int = 1000,
            tracer: Tracer | None = None,
            log_form: AccessLogForm = AccessLogForm.TEXT,
            **listener: object,
        ) -> Balancer:
            settings = ListenerSettings.model_validate({"bind": "127.0.0.1:0", **listener})
            rules = PoolSettings.model_validate(pool or {})
            balancer = Balancer(stack, settings, rules, max_connections, tracer, log_form)
            stack.push_async_callback(balancer.close)
            await balancer.listener.start()
            return balancer

        yield start
    gc.collect()


@pytest.fixture
async def balancer(start: StartBalancer) -> Balancer:
    """One with default settings."""
    return await start()


@pytest.fixture
def events():
    """What is logged."""
    with structlog.testing.capture_logs() as events:
        yield events
