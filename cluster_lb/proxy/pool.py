"""A pool as this node lives with it: the compiled rotation of the newest snapshot over live servers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from random import getrandbits
from typing import TYPE_CHECKING

from cluster_lb.dial import Dial
from cluster_lb.model.place import Place
from cluster_lb.model.ports import Tickets
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking import POLICIES, Numbers, Picker, Plan, Rotation, goes_by_load
from cluster_lb.picking.reports import Reports
from cluster_lb.proxy.hash_keys import number_of
from cluster_lb.proxy.latencies import Latencies
from cluster_lb.proxy.ledger import Histogram
from cluster_lb.proxy.limits import Limits
from cluster_lb.proxy.outcomes import FIRST_5XX
from cluster_lb.proxy.retry_budget import RetryBudget
from cluster_lb.proxy.rules import Rules
from cluster_lb.proxy.server import LiveServer
from cluster_lb.proxy.ticker import Ticker
from cluster_lb.proxy.upstream import NO_MEMO
from cluster_lb.settings.schema import PoolSettings, SendProxy

if TYPE_CHECKING:
    from cluster_lb.proxy.exchange import Exchange
    from cluster_lb.proxy.sticky import Sticky


_ALL_5XX = range(FIRST_5XX, 600)


class LivePool:
    """Picks servers by tickets, and keeps what must survive a new snapshot: servers and counts.

    `servers`: id -> live server. `latency`: whole exchanges, seconds. `retries`: attempts after the first.
    `unserved`: exchanges for which there was no server. `open_tunnels`: now; `opened_tunnels`: ever.
    `bonds_kept`: exchanges that went where a sticky cookie said; `bonds_made`: responses that brought one.
    `bound_number`: gives what a pick by a sticky cookie begins with, for its repeats.
    `limits`: None without any. `sticky`: None where clients are bound to no server. `looked_at`: statuses
    that no response may pass with unseen. `watches_outcomes`: whether they are wanted, of each server.
    `dial`: how servers are spoken to; None: plainly. `notice_s`: an exchange that took so long is looked at
    by itself: it was slow (`slow_s`), or all are, because the pool measures `latencies`.
    """

    __slots__ = (
        "_adaptive",
        "_by_load",
        "_eligible",
        "_gone_attempts",
        "_hash_key",
        "_leaving",
        "_limit_settings",
        "_local_numbers",
        "_next_number",
        "_picker",
        "_plain_period",
        "_reports",
        "_slow_s",
        "_turns",
        "bonds_kept",
        "bonds_made",
        "bound_number",
        "budget",
        "connect_timeout_s",
        "dial",
        "epoch",
        "latencies",
        "latency",
        "limits",
        "looked_at",
        "max_idle_connections",
        "name",
        "notice_s",
        "open_tunnels",
        "opened_tunnels",
        "retries",
        "rules",
        "servers",
        "statuses",
        "sticky",
        "ticker",
        "tickets",
        "tunnel_idle_s",
        "unserved",
        "upstream_idle_s",
        "watches_outcomes",
    )

    def __init__(
        self, name: str, tickets: Tickets, ticker: Ticker, settings: PoolSettings, slow_s: float = 0.0
    ) -> None:
        self.name = name
        self.tickets = tickets
        self.ticker = ticker
        self.epoch = 0
        self.servers: dict[str, LiveServer] = {}
        self.latency = Histogram()
        self.retries = 0
        self.unserved = 0
        self.opened_tunnels = 0
        self.bonds_kept = 0
        self.bonds_made = 0
        self.open_tunnels = 0
        self.statuses = [0] * 6  # of the exchanges that no server answered
        self._picker: Picker[LiveServer] = Rotation([], []).bind({})
        self._turns: Sequence[LiveServer] = ()
        self._plain_period = 0  # 0 where a pick takes more than a look at the schedule
        self._next_number: Callable[[Exchange], int] = self._ticket
        self._slow_s = slow_s
        self.notice_s = slow_s
        self.latencies: Latencies | None = None
        self._by_load = False
        self._eligible: frozenset[str] = frozenset()  # ids
        self._reports: Reports[LiveServer] | None = None
        # Begins anywhere, so that nodes do not all begin with the same server.
        self._local_numbers = count(getrandbits(32))
        self.bound_number: Callable[[Exchange], int] = _random_bits
        self._gone_attempts: Counter[str] = Counter()  # of servers that left, by their zone
        self._leaving: list[LiveServer] = []  # that left, and still have attempts in flight
        self.budget = RetryBudget(settings.retries.budget, settings.retries.budget_floor_per_s, ticker.now)
        self.limits: Limits | None = None
        self.sticky: Sticky | None = None
        self.rules = Rules.of(settings)
        self.dial: Dial | None = None
        self.looked_at: frozenset[int] = frozenset()
        self.watches_outcomes = False
        self.configure(settings)
        ticker.watch(self._on_tick)

    def configure(self, settings: PoolSettings, dial: Dial | None = None) -> None:
        """Take over limits and timeouts; exchanges under way go on under the new ones. `dial`: how servers
        are spoken to; with another one than before, `adopt`, which follows, begins anew with each of them."""
        self.dial = dial
        self.rules = Rules.of(settings)
        self.watches_outcomes = settings.outliers.enabled
        self._look_at(self.rules.retry_statuses.union(_ALL_5XX if self.watches_outcomes else ()))
        self.budget.share = settings.retries.budget
        self.budget.floor_per_s = settings.retries.budget_floor_per_s
        self._limit_settings = settings.limits
        self._set_limits()
        # One that a PROXY header introduced as one client's must never serve another.
        introduced = settings.send_proxy is not SendProxy.OFF
        self.max_idle_connections = 0 if introduced else settings.max_idle_connections
        self._hash_key = settings.hash_key
        self._adaptive = settings.weights == "adaptive"  # the cluster's weights go by latency too
        self.connect_timeout_s = settings.timeouts.connect_s
        self.tunnel_idle_s = settings.timeouts.tunnel_idle_s
        self.upstream_idle_s = settings.timeouts.upstream_idle_s

    def _look_at(self, statuses: frozenset[int]) -> None:
        for server in self.servers.values():
            server.watch_outcomes(self.watches_outcomes)
            if statuses != self.looked_at:
                server.memo = NO_MEMO  # it knows the ones before
        self.looked_at = statuses

    def _set_limits(self) -> None:
        """There are limits where the settings have any, or agents do."""
        settings = self._limit_settings
        agents = any(server.advice.maxconn for server in self.servers.values())
        if not (agents or settings.bound):
            limits, self.limits = self.limits, None
            self._set_plain_period()
            if limits is not None:
                limits.disband()
        elif self.limits is None:
            self.limits = Limits(self, settings)
            self._set_plain_period()
        else:
            self.limits.configure(settings)

    def adopt(self, snapshot: Snapshot, plan: Plan) -> None:
        """Swap in a snapshot with the plan compiled from it. Clients are bound to nobody until `stick`: the
        bonds of before may lead to servers that take nobody any more."""
        self.sticky = None
        before = self.servers
        self.servers = {}
        for server in snapshot.servers:
            live = before.get(server.id)
            if live is None or live.address != server.address or live.dial is not self.dial:
                live = LiveServer(self, server.id, server.address)
            live.zone, live.advice = server.zone, server.advice
            self.servers[server.id] = live
        for live in before.values():
            if self.servers.get(live.id) is not live:
                self._gone_attempts[live.zone] += live.attempts
                self._leaving.append(live)
                live.retire()
        self._picker = plan.bind(self.servers)
        self._turns = self._picker.turns
        self._set_plain_period()
        policy = POLICIES[snapshot.policy]
        self._next_number = self._numbers(policy.numbers, plan.period)
        # What a cookie decides takes no ticket: should that server fail, the others follow from anywhere.
        self.bound_number = _random_bits if policy.numbers is Numbers.TICKET else self._next_number
        self._measure(policy.by_latency or self._adaptive)
        self._by_load = goes_by_load(snapshot)
        self._eligible = frozenset(server.id for server in snapshot.eligible)
        self.epoch = snapshot.epoch
        self._set_limits()
        self._reports = Reports(snapshot, self.servers) if self.hears_loads else None
        if self.limits is not None:
            self.limits.look_again()
            self.limits.serve_waiting()

    def stick(self, sticky: Sticky | None) -> None:
        """Bind clients to servers of the snapshot just adopted, or none."""
        self.sticky = sticky
        self._set_plain_period()

    def _set_plain_period(self) -> None:
        self._plain_period = 0 if self.limits or self.sticky else len(self._turns)

    def choose(self, exchange: Exchange) -> LiveServer | None:
        """The server for the first attempt of `exchange`, which is told the number of its pick. None: there
        is no server, or room at none."""
        period = self._plain_period
        if not period:
            if self.sticky is not None and (bound := self.sticky.choose(exchange)) is not None:
                return bound
            exchange.number = number = self._next_number(exchange)
            return self.pick(number)
        exchange.number = ticket = self.tickets.take()
        server = self._turns[ticket % period]
        return self.next_after(ticket, ()) if server.out else server

    def choose_for_waiting(self, exchange: Exchange) -> LiveServer | None:
        """As `choose`, for one that was told its number and had to wait."""
        if self.sticky is not None and (bound := self.sticky.choose(exchange)) is not None:
            return bound
        return self.pick(exchange.number)

    def pick(self, number: int) -> LiveServer | None:
        """The first server in the order of `number` that this node can reach and that has room."""
        if self.limits is not None:
            return self.limits.pick(number)
        server = self._picker.first(number)
        return self.next_after(number, ()) if server is not None and server.out else server

    def picks_among(self, server: LiveServer) -> bool:
        """Whether the server is one of those that picks choose from."""
        return server.id in self._eligible and self.servers.get(server.id) is server

    def _numbers(self, source: Numbers, period: int) -> Callable[[Exchange], int]:
        if source is Numbers.KEY:
            return number_of(self._hash_key)
        if source is Numbers.TICKET and not period:
            return self._local_number
        return {Numbers.TICKET: self._ticket, Numbers.RANDOM: _random_bits}[source]

    def _ticket(self, exchange: Exchange) -> int:
        return self.tickets.take()

    def _local_number(self, exchange: Exchange) -> int:
        return next(self._local_numbers)

    @property
    def settled(self) -> int:
        """Exchanges that have ended with a server, tunnels left out."""
        return sum(self.latency.counts)

    @property
    def hears_loads(self) -> bool:
        """Whether limits or the policy want what other nodes have in flight."""
        return self._by_load or self.limits is not None

    @property
    def in_flight(self) -> int:
        """Attempts under way, on servers that left the pool too."""
        return sum(server.load for server in (*self.servers.values(), *self._leaving))

    @property
    def zone_attempts(self) -> Counter[str]:
        """Attempts begun by the zone of their server, of servers that left too."""
        attempts = self._gone_attempts.copy()
        for server in self.servers.values():
            attempts[server.zone] += server.attempts
        return attempts

    @property
    def is_empty(self) -> bool:
        """Whether there is no server to pick at all."""
        return self._picker.first(0) is None

    def why_empty(self) -> str:
        """The same in words, for the log."""
        if not self.servers:
            return "none is registered in the pool"
        return f"none of the pool's {len(self.servers)} takes requests"

    def next_after(self, number: int, tried: tuple[LiveServer, ...]) -> LiveServer | None:
        """The first server in the order of `number` that is not in `tried` and has room; one that this node
        could not reach lately only where there is no other."""
        last_resort = None
        limits = self.limits
        for server in self._picker.order(number):
            if server in tried or (limits is not None and not limits.takes(server)):
                continue
            if not server.out:
                return server
            last_resort = last_resort or server
        return last_resort

    def hear_loads(self, place: Place, elsewhere: Mapping[str, int]) -> None:
        """What the others have in flight on servers of this pool, by id, for the node at `place`."""
        if self._reports is not None:
            self._reports.hear(place, elsewhere, self.ticker.now)
        if self.limits is not None:
            self.limits.hear(place.nodes, sum(elsewhere.values()))

    def told_latencies(self) -> Mapping[str, int] | None:
        """What this node tells of latencies, microseconds by server id; None where it does not measure."""
        return self.latencies.tell(self.ticker.now) if self.latencies is not None else None

    def hear_latencies(self, elsewhere: Mapping[str, int]) -> None:
        """The highest latency that another node tells of each server, microseconds."""
        if self.latencies is not None:
            self.latencies.hear(elsewhere, self.servers, self.ticker.now)

    def _measure(self, wanted: bool) -> None:
        """Measure the servers' latencies from now on, or no more."""
        if wanted == (self.latencies is not None):
            return
        self.latencies = Latencies() if wanted else None
        self.notice_s = 0.0 if wanted else self._slow_s
        for server in self.servers.values():
            server.latency_s = 0.0

    def _on_tick(self, now: float) -> None:
        attempts = self._gone_attempts.total()
        self._leaving = [server for server in self._leaving if server.load]
        for server in self.servers.values():
            server.close_idle(now - self.upstream_idle_s)
            attempts += server.attempts
        self.budget.on_tick(now, attempts - self.retries)
        if self.limits is not None:
            self.limits.on_tick(now)


def _random_bits(exchange: Exchange) -> int:
    return getrandbits(64)
