"""A pool as this node lives with it: the compiled rotation of the newest snapshot over live servers."""

from __future__ import annotations

from collections.abc import Mapping

from cluster_lb.dial import Dial
from cluster_lb.model.ports import Tickets
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking import Rotation
from cluster_lb.proxy.ledger import Histogram
from cluster_lb.proxy.limits import Limits
from cluster_lb.proxy.retry_budget import RetryBudget
from cluster_lb.proxy.rules import Rules
from cluster_lb.proxy.server import LiveServer
from cluster_lb.proxy.ticker import Ticker
from cluster_lb.proxy.upstream import NO_MEMO
from cluster_lb.settings.limits import LimitSettings
from cluster_lb.settings.schema import PoolSettings, SendProxy


class LivePool:
    """Picks servers by tickets, and keeps what must survive a new snapshot: servers and counts.

    `servers`: id -> live server. `latency`: whole exchanges, seconds. `retries`: attempts after the first.
    `unserved`: exchanges for which there was no server. `open_tunnels`: now; `opened_tunnels`: ever.
    `limits`: None without any.
    `dial`: how servers are spoken to; None: plainly.
    """

    __slots__ = (
        "_gone_attempts",
        "_leaving",
        "_order",
        "_plain_period",
        "_turns",
        "budget",
        "connect_timeout_s",
        "dial",
        "epoch",
        "latency",
        "limits",
        "max_idle_connections",
        "name",
        "open_tunnels",
        "opened_tunnels",
        "retries",
        "rules",
        "servers",
        "statuses",
        "ticker",
        "tickets",
        "tunnel_idle_s",
        "unserved",
        "upstream_idle_s",
    )

    def __init__(self, name: str, tickets: Tickets, ticker: Ticker, settings: PoolSettings) -> None:
        self.name = name
        self.tickets = tickets
        self.ticker = ticker
        self.epoch = 0
        self.servers: dict[str, LiveServer] = {}
        self.latency = Histogram()
        self.retries = 0
        self.unserved = 0
        self.opened_tunnels = 0
        self.open_tunnels = 0
        self.statuses = [0] * 6  # of the exchanges that no server answered
        self._order = Rotation([])
        self._turns: list[LiveServer] = []
        self._plain_period = 0  # 0 where a pick takes more than a look at the schedule
        self._gone_attempts = 0  # of servers that left
        self._leaving: list[LiveServer] = []  # that left, and still have attempts in flight
        self.budget = RetryBudget(settings.retries.budget, settings.retries.budget_floor_per_s, ticker.now)
        self.limits: Limits | None = None
        self.rules = Rules.of(settings)
        self.dial: Dial | None = None
        self.configure(settings)
        ticker.watch(self._on_tick)

    def configure(self, settings: PoolSettings, dial: Dial | None = None) -> None:
        """Take over limits and timeouts; exchanges under way go on under the new ones. `dial`: how servers
        are spoken to; with another one than before, `adopt` begins anew with each of them."""
        self.dial = dial
        rules = Rules.of(settings)
        if rules.retry_statuses != self.rules.retry_statuses:
            for server in self.servers.values():
                server.memo = NO_MEMO  # it knows which statuses may be repeated
        self.rules = rules
        self.budget.share = settings.retries.budget
        self.budget.floor_per_s = settings.retries.budget_floor_per_s
        self._configure_limits(settings.limits)
        # One that a PROXY header introduced as one client's must never serve another.
        introduced = settings.send_proxy is not SendProxy.OFF
        self.max_idle_connections = 0 if introduced else settings.max_idle_connections
        self.connect_timeout_s = settings.timeouts.connect_s
        self.tunnel_idle_s = settings.timeouts.tunnel_idle_s
        self.upstream_idle_s = settings.timeouts.upstream_idle_s

    def _configure_limits(self, settings: LimitSettings) -> None:
        if not (settings.server_requests or settings.server_connections or settings.pool_requests):
            limits, self.limits = self.limits, None
            self._plain_period = self._order.period
            if limits is not None:
                limits.disband()
        elif self.limits is None:
            self.limits = Limits(self, settings)
            self._plain_period = 0
        else:
            self.limits.configure(settings)

    def adopt(self, snapshot: Snapshot, rotation: Rotation) -> None:
        """Swap in a snapshot with the rotation compiled from it."""
        before = self.servers
        self.servers = {}
        for server in snapshot.servers:
            live = before.get(server.id)
            if live is None or live.address != server.address or live.dial is not self.dial:
                live = LiveServer(self, server.id, server.address)
            self.servers[server.id] = live
        for live in before.values():
            if self.servers.get(live.id) is not live:
                self._gone_attempts += live.attempts
                self._leaving.append(live)
                live.retire()
        self._order = rotation
        self._turns = [self.servers[server_id] for server_id in rotation.turns]
        self._plain_period = 0 if self.limits else rotation.period
        self.epoch = snapshot.epoch
        if self.limits is not None:
            self.limits.serve_waiting()

    def pick(self, ticket: int) -> LiveServer | None:
        """The server whose turn `ticket` is, or the next in the order that this node can reach and that has
        room. None: there is no server, or room at none."""
        period = self._plain_period
        if not period:
            return self._pick_with_room(ticket)
        server = self._turns[ticket % period]
        return self.next_after(ticket, ()) if server.out else server

    def _pick_with_room(self, ticket: int) -> LiveServer | None:
        limits = self.limits
        if limits is None or not limits.is_open():
            return None
        server = self.next_after(ticket, ())
        if server is not None:
            limits.in_flight += 1
        return server

    @property
    def in_flight(self) -> int:
        """Attempts under way, on servers that left the pool too."""
        return sum(server.load for server in (*self.servers.values(), *self._leaving))

    @property
    def is_empty(self) -> bool:
        """Whether there is no server to pick at all."""
        return not self._turns

    def next_after(self, ticket: int, tried: tuple[LiveServer, ...]) -> LiveServer | None:
        """The first server in the order of `ticket` that is not in `tried` and has room; one that this node
        could not reach lately only where there is no other."""
        last_resort = None
        limits = self.limits
        for server_id in self._order.order(ticket):
            server = self.servers[server_id]
            if server in tried or (limits is not None and not limits.takes(server)):
                continue
            if not server.out:
                return server
            last_resort = last_resort or server
        return last_resort

    def hear_loads(self, nodes: int, elsewhere: Mapping[str, int]) -> None:
        """`nodes` of the cluster, and what the others have in flight on servers of this pool, by id."""
        if self.limits is not None:
            self.limits.hear(nodes, elsewhere)

    def _on_tick(self, now: float) -> None:
        attempts = self._gone_attempts
        self._leaving = [server for server in self._leaving if server.load]
        for server in self.servers.values():
            server.close_idle(now - self.upstream_idle_s)
            attempts += server.attempts
        self.budget.on_tick(now, attempts - self.retries)
        if self.limits is not None:
            self.limits.on_tick(now)
