"""Circuit limits: what a pool and its servers take at once over the whole cluster, and the queue in front.

A limit L is one of the cluster. A node counts its own exchanges exactly, and the other nodes' as last heard
(a few times a second). It may always have its equal share, L / nodes, in flight, so that no node starves
beside a busier one; beyond that it takes what the others leave. So the cluster holds L, but for what began
within one report of another, and for a node that comes to claim its share from one that had more: that one
gives way as its exchanges end. A server's agent may lower its limit, or set one. Connections are shared out
equally, because idle ones are nobody's load.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cluster_lb.settings.limits import LimitSettings

if TYPE_CHECKING:
    from cluster_lb.proxy.exchange import Exchange
    from cluster_lb.proxy.pool import LivePool
    from cluster_lb.proxy.server import LiveServer


class Limits:
    """The limits of one pool that has any. `in_flight`: exchanges of this node that have a server; `waiting`:
    those that wait for one, first come first served. `queued`, `overflowed`, `timed_out`: exchanges that had
    to wait, that found the queue full, that waited in vain."""

    __slots__ = (
        "_elsewhere",
        "_freed",
        "_full",
        "_nodes",
        "_pool",
        "_settings",
        "in_flight",
        "overflowed",
        "queued",
        "timed_out",
        "waiting",
    )

    def __init__(self, pool: LivePool, settings: LimitSettings) -> None:
        self._pool = pool
        self._settings = settings
        self._nodes = 1
        self._elsewhere = 0
        self._full = False  # all servers, when a pick last asked them
        self._freed: LiveServer | None = None  # where an exchange has ended since: there alone may be room
        self.in_flight = pool.in_flight
        self.waiting: dict[Exchange, None] = {}  # in their order
        self.queued = 0
        self.overflowed = 0
        self.timed_out = 0

    def configure(self, settings: LimitSettings) -> None:
        self._settings = settings
        self.look_again()

    def hear(self, nodes: int, elsewhere: int) -> None:
        """`nodes` that share the limits, and what the others have in flight in the pool."""
        self._nodes = max(1, nodes)
        self._elsewhere = elsewhere
        self.look_again()

    # --- decisions

    def pick(self, number: int) -> LiveServer | None:
        """The first server in the order of `number` that has room, where the pool has; counts the exchange.
        That all are full is remembered, so that a crowd does not ask all of them again and again."""
        if not self.is_open():
            return None
        if self._full:
            server, self._freed = self._freed, None
            if server is not None and not (self._pool.picks_among(server) and self.takes(server)):
                server = None
        else:
            server = self._pool.next_after(number, ())
            self._full = server is None
        if server is not None:
            self.in_flight += 1
        return server

    def look_again(self) -> None:
        """Servers may have room that had none, more than by the end of one exchange."""
        self._full = False
        self._freed = None

    def is_open(self) -> bool:
        """Whether the pool as a whole takes one more."""
        return self._fits(self.in_flight, self._elsewhere, self._settings.pool_requests)

    def takes(self, server: LiveServer) -> bool:
        """Whether this server takes one more."""
        settings = self._settings
        if not self._fits(server.load, server.elsewhere, server.advice.bound(settings.server_requests)):
            return False
        # without an idle connection as many are open as attempts are in flight, and this needs one more
        connections = settings.server_connections
        return not connections or bool(server.idle) or server.load < max(1, connections // self._nodes)

    def _fits(self, here: int, elsewhere: int, limit: int) -> bool:
        return not limit or here + elsewhere < limit or here < limit // self._nodes

    # --- the queue

    def wait(self, exchange: Exchange) -> bool:
        """Queue an exchange that found no room; False when the queue is full too."""
        if len(self.waiting) >= self._settings.queue:
            self.overflowed += 1
            return False
        self.queued += 1
        self.waiting[exchange] = None
        return True

    def forget(self, exchange: Exchange) -> None:
        """An exchange that has no server has ended; it may have been waiting."""
        self.waiting.pop(exchange, None)

    def on_settled(self, server: LiveServer) -> None:
        """An exchange that had `server` has ended: there may be room for another."""
        self.in_flight -= 1
        if self._full and self._freed is None:
            self._freed = server
        else:
            self.look_again()
        self.serve_waiting()

    def serve_waiting(self) -> None:
        """Let in whoever waits, as far as there is room."""
        while self.waiting:
            exchange = next(iter(self.waiting))
            server = self._pool.choose_for_waiting(exchange)
            if server is None:
                return
            del self.waiting[exchange]
            exchange.on_room(server)

    def disband(self) -> None:
        """The limits hold no more: let in whoever waits, as far as there are servers."""
        self.serve_waiting()
        self.on_tick(math.inf)

    def on_tick(self, now: float) -> None:
        """Give up on those that waited too long; others' exchanges may have made room for the rest."""
        latest = now - self._settings.queue_timeout_s
        for exchange in [exchange for exchange in self.waiting if exchange.started <= latest]:
            del self.waiting[exchange]
            self.timed_out += 1
            exchange.on_queue_timeout()
        self.look_again()
        self.serve_waiting()
