"""A pool as this node lives with it: the compiled rotation of the newest snapshot over live servers."""

from __future__ import annotations

from cluster_lb.model.ports import Tickets
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking import Rotation
from cluster_lb.proxy.ledger import Histogram
from cluster_lb.proxy.rules import Rules
from cluster_lb.proxy.server import LiveServer
from cluster_lb.proxy.ticker import Ticker
from cluster_lb.settings.schema import PoolSettings


class LivePool:
    """Picks servers by tickets, and keeps what must survive a new snapshot: servers and counts.

    `servers`: id -> live server. `latency`: whole exchanges, seconds. `retries`: attempts after the first.
    `unserved`: exchanges for which there was no server.
    """

    __slots__ = (
        "_order",
        "_period",
        "_turns",
        "connect_timeout_s",
        "epoch",
        "latency",
        "max_idle_connections",
        "name",
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
        self.statuses = [0] * 6  # of the exchanges that no server answered
        self._order = Rotation([])
        self._turns: list[LiveServer] = []
        self._period = 0
        self.configure(settings)
        ticker.watch(self._close_idle)

    def configure(self, settings: PoolSettings) -> None:
        """Take over limits and timeouts; exchanges under way go on under the new ones."""
        self.rules = Rules.of(settings)
        self.max_idle_connections = settings.max_idle_connections
        self.connect_timeout_s = settings.timeouts.connect_s
        self.tunnel_idle_s = settings.timeouts.tunnel_idle_s
        self.upstream_idle_s = settings.timeouts.upstream_idle_s

    def adopt(self, snapshot: Snapshot, rotation: Rotation) -> None:
        """Swap in a snapshot with the rotation compiled from it."""
        before = self.servers
        self.servers = {}
        for server in snapshot.servers:
            live = before.get(server.id)
            if live is None or live.address != server.address:
                live = LiveServer(self, server.id, server.address)
            self.servers[server.id] = live
        for live in before.values():
            if self.servers.get(live.id) is not live:
                live.retire()
        self._order = rotation
        self._turns = [self.servers[server_id] for server_id in rotation.turns]
        self._period = rotation.period
        self.epoch = snapshot.epoch

    def pick(self, ticket: int) -> LiveServer | None:
        """The server whose turn `ticket` is, or the next in the order that this node can reach."""
        if not self._period:
            return None
        server = self._turns[ticket % self._period]
        return self.next_after(ticket, ()) if server.out else server

    def next_after(self, ticket: int, tried: tuple[LiveServer, ...]) -> LiveServer | None:
        """The first server in the order of `ticket` that is not in `tried`; one that this node could not
        reach lately only where there is no other."""
        last_resort = None
        for server_id in self._order.order(ticket):
            server = self.servers[server_id]
            if server in tried:
                continue
            if not server.out:
                return server
            last_resort = last_resort or server
        return last_resort

    def _close_idle(self, now: float) -> None:
        for server in self.servers.values():
            server.close_idle(now - self.upstream_idle_s)
