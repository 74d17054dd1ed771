"""A simulated node: the product's policies and tickets over the servers as this node sees them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from cluster_lb.model.place import Place
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.model.ticket_run import TicketRun
from cluster_lb.picking import POLICIES, Numbers, Picker, Plan
from cluster_lb.picking.reports import Reports
from cluster_lb.proxy.latencies import Latencies
from cluster_lb.proxy.retry_budget import RetryBudget
from cluster_lb.settings.retries import RetrySettings
from cluster_lb.settings.schema import PoolSettings
from scripts.simulation.events import Events
from scripts.simulation.outcome import Outcome
from scripts.simulation.perfect import PERFECT
from scripts.simulation.server import Server

if TYPE_CHECKING:
    from cluster_lb.proxy.exchange import Exchange
    from cluster_lb.proxy.server import LiveServer

TICK_S = 1.0


class Seen:
    """A server as one node sees it: the product's `Candidate`. `load`: of this node; `elsewhere`: of the
    others, as last heard; `surplus`, `leeway`: what picks make of that; `latency_s`: estimated, 0: not known.
    `pool` has the time, as `ticker.now`."""

    __slots__ = ("elsewhere", "id", "latency_s", "leeway", "load", "out", "pool", "server", "surplus")

    def __init__(self, server: Server, pool: object = None) -> None:
        self.pool = pool
        self.latency_s = 0.0
        self.id = server.id
        self.server = server
        self.load = 0
        self.elsewhere = 0
        self.surplus = 0.0
        self.leeway = 0.0
        self.out = False


class Request:
    """`work_s`: what it takes a server of usual speed. `key`: a hash of 64 bits. `attempts`, `failure` and
    `status` are as those of an exchange, which estimates of latency look at."""

    __slots__ = ("arrived", "attempts", "failure", "key", "number", "status", "tried", "work_s")

    def __init__(self, arrived: float, work_s: float, key: int) -> None:
        self.arrived = arrived
        self.work_s = work_s
        self.key = key
        self.number = 0
        self.attempts = 1
        self.failure: str | None = None
        self.status = 200
        self.tried: tuple[Seen, ...] = ()


class Node:
    """Serves requests by the snapshot that it adopted last. What comes of them goes into `outcome`. `picks`:
    first attempts, by server; `picks_of_keys`: the same by key and server. `naive`: it counts what it heard
    of the others at face value."""

    def __init__(
        self,
        events: Events,
        servers: Sequence[Server],
        tickets: TicketRun,
        random: Random,
        outcome: Outcome,
        *,
        naive: bool = False,
    ) -> None:
        pool = SimpleNamespace(ticker=events)
        self.seen = pool.servers = {server.id: Seen(server, pool) for server in servers}
        self.picks: Counter[str] = Counter()
        self.picks_of_keys: Counter[tuple[int, str]] = Counter()
        self._events = events
        self._tickets = tickets
        self._random = random
        self._outcome = outcome
        self._naive = naive
        self._picker: Picker[Seen]
        self._reports: Reports[Seen] | None = None  # of what knows it all
        self._next_number: Callable[[Request], int]
        self._requests = 0
        self._latencies = Latencies()
        self._attempts = PoolSettings().attempts
        retries = RetrySettings()
        self._budget = RetryBudget(retries.budget, retries.budget_floor_per_s, events.now)
        events.after(TICK_S, self._tick)

    def adopt(self, snapshot: Snapshot, plan: Plan) -> None:
        """Serve by `snapshot` and the plan compiled from it."""
        numbers = Numbers.RANDOM
        if snapshot.policy != PERFECT:
            self._reports = Reports(snapshot, self.seen)
            numbers = POLICIES[snapshot.policy].numbers
        self._picker = plan.bind(self.seen)
        self._tickets.adopt(snapshot.epoch, plan.period)
        self._next_number = {
            Numbers.TICKET: lambda request: self._tickets.take(),
            Numbers.RANDOM: lambda request: self._random.getrandbits(64),
            Numbers.KEY: lambda request: request.key,
        }[numbers]

    def serve(self, request: Request) -> None:
        """A request has arrived."""
        self._requests += 1
        request.number = self._next_number(request)
        server = self._picker.first(request.number)
        if server is None:
            self._outcome.failed += 1
        else:
            self.picks[server.id] += 1
            self.picks_of_keys[request.key, server.id] += 1
            self._attempt(request, server)

    def _attempt(self, request: Request, seen: Seen) -> None:
        seen.load += 1
        seen.server.offer(request.work_s, lambda went_well: self._ended(request, seen, went_well))

    def _ended(self, request: Request, seen: Seen, went_well: bool) -> None:
        seen.load -= 1
        if went_well:
            self._outcome.serve(request.arrived, self._events.now)
            self._measure(request, seen)
            return
        request.tried += (seen,)
        following = self._next_after(request)
        if following is None or len(request.tried) == self._attempts or not self._budget.spend():
            self._outcome.failed += 1
        else:
            self._outcome.retried += 1
            request.attempts += 1
            self._attempt(request, following)

    def _measure(self, request: Request, seen: Seen) -> None:
        exchange, server = cast("Exchange", request), cast("LiveServer", seen)
        self._latencies.on_exchange(exchange, server, self._events.now - request.arrived)

    def _next_after(self, request: Request) -> Seen | None:
        order = self._picker.order(request.number)
        return next((server for server in order if server not in request.tried), None)

    def loads(self) -> dict[str, int]:
        """What this node has in flight, by server."""
        return {server.id: server.load for server in self.seen.values() if server.load}

    def latencies(self) -> dict[str, int]:
        """What this node tells of the servers' latencies, in microseconds."""
        return self._latencies.tell(self._events.now)

    def hear(self, place: Place, elsewhere: Mapping[str, int], latencies: Mapping[str, int]) -> None:
        """What the others have in flight, and what they tell of latencies; taken as the product's pool at
        `place` takes it."""
        if self._reports is not None:
            self._reports.hear(place, elsewhere, self._events.now)
        if self._naive:
            for server in self.seen.values():
                server.surplus = server.elsewhere
        servers = cast("Mapping[str, LiveServer]", self.seen)
        self._latencies.hear(latencies, servers, self._events.now)

    def _tick(self) -> None:
        self._budget.on_tick(self._events.now, self._requests)
        self._events.after(TICK_S, self._tick)
