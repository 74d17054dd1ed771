"""The accounts of the data path in one place, for the metrics to read when they are scraped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cluster_lb.proxy.ledger import LATENCY_BOUNDS_S, Ledger
from cluster_lb.proxy.pool import LivePool
from cluster_lb.proxy.pools import LivePools


class Accounts:
    """What this node's data path counted since the start."""

    def __init__(self, pools: LivePools, ledger: Ledger) -> None:
        self._pools = pools
        self._ledger = ledger

    @property
    def latency_bounds_s(self) -> Sequence[float]:
        return LATENCY_BOUNDS_S

    @property
    def pools(self) -> Mapping[str, LivePool]:
        return self._pools.by_name

    @property
    def client_connections(self) -> int:
        return self._ledger.connections

    @property
    def accepted(self) -> int:
        return self._ledger.accepted

    @property
    def rejected(self) -> int:
        return self._ledger.rejected

    @property
    def refused(self) -> Mapping[int, int]:
        return self._ledger.refused
