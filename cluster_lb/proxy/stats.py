"""The accounts as the metrics read them: sums made when they are asked for, never on the data path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cluster_lb.proxy.ledger import LATENCY_BOUNDS_S, Ledger
from cluster_lb.proxy.listener import Listener
from cluster_lb.proxy.pool import LivePool
from cluster_lb.proxy.pools import LivePools


class PoolAccounts:
    """What one pool counted."""

    def __init__(self, pool: LivePool) -> None:
        self._pool = pool

    @property
    def requests(self) -> Mapping[tuple[str, int], int]:
        return {
            (server.id, status_class): count
            for server in self._pool.servers.values()
            for status_class, count in enumerate(server.statuses)
            if count
        }

    @property
    def latency_counts(self) -> Sequence[int]:
        return self._pool.latency.counts

    @property
    def latency_sum_s(self) -> float:
        return self._pool.latency.sum

    @property
    def in_flight(self) -> Mapping[str, int]:
        return {server.id: server.load for server in self._pool.servers.values()}

    @property
    def attempts(self) -> int:
        return self._pool.attempts_ended + sum(s.attempts for s in self._pool.servers.values())

    @property
    def retries(self) -> int:
        return self._pool.retries

    @property
    def picks_failed(self) -> int:
        return self._pool.unserved


class Accounts:
    """What this node's data path counted."""

    def __init__(self, pools: LivePools, listeners: Sequence[Listener], ledger: Ledger) -> None:
        self._pools = pools
        self._listeners = listeners
        self._ledger = ledger

    @property
    def latency_bounds_s(self) -> Sequence[float]:
        return LATENCY_BOUNDS_S

    @property
    def pools(self) -> Mapping[str, PoolAccounts]:
        return {name: PoolAccounts(pool) for name, pool in self._pools.by_name.items()}

    @property
    def client_connections(self) -> int:
        return sum(len(listener.clients) for listener in self._listeners)

    @property
    def upstream_idle(self) -> int:
        return sum(len(s.idle) for p in self._pools.by_name.values() for s in p.servers.values())

    @property
    def upstream_busy(self) -> int:
        every = sum(s.connections for p in self._pools.by_name.values() for s in p.servers.values())
        return every - self.upstream_idle

    @property
    def accepted(self) -> int:
        return self._ledger.accepted

    @property
    def refused(self) -> Mapping[int, int]:
        return self._ledger.refused
