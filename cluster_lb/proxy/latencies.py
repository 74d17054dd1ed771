"""How long the servers of a pool take, as this node measures it and as the others say."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from statistics import median_low
from typing import TYPE_CHECKING

from cluster_lb.model.peak_ewma import DECAY_S, freshness, with_peak

if TYPE_CHECKING:
    from cluster_lb.proxy.exchange import Exchange
    from cluster_lb.proxy.server import LiveServer

FORGOTTEN_S = 3 * DECAY_S  # an estimate that is so old is none: a twentieth of it is left
_SAMPLE = 101  # servers whose median stands for that of all


class Latencies:
    """Of one pool that measures. The servers' `latency_s` is this node's own estimate while that is fresh,
    and the others' as it fades: a path of its own may be slow for one node alone, and a server that it has
    not asked for a while it knows only by hearsay. Of several others the highest counts, for estimates fade
    where nobody asks."""

    __slots__ = ("_own",)

    def __init__(self) -> None:
        # server id -> estimate, monotonic time of its last value
        self._own: dict[str, tuple[float, float]] = {}

    def on_exchange(self, exchange: Exchange, server: LiveServer, elapsed_s: float) -> None:
        """An exchange has ended at `server`. One that failed took at least so long, and quick failures are no
        speed; one of several attempts spent its time with other servers too."""
        now = server.pool.ticker.now
        estimate, at = self._own.get(server.id) or (self._usual(server), now)
        failed = exchange.failure is not None or exchange.status >= 500
        if exchange.attempts > 1 or (failed and elapsed_s <= estimate):
            return
        estimate = with_peak(estimate, max(0.0, now - at), elapsed_s)
        self._own[server.id] = estimate, now
        server.latency_s = estimate

    def _usual(self, server: LiveServer) -> float:
        """What a new server begins with: the median, where most servers are known. Its first answer may have
        been a lucky one, and in no time it would have twice what the others have."""
        if 2 * len(self._own) <= len(server.pool.servers):
            return 0.0
        return median_low(estimate for estimate, _ in islice(self._own.values(), _SAMPLE))

    def tell(self, now: float) -> dict[str, int]:
        """What this node tells the others: server id -> microseconds, above 0."""
        self._own = {name: own for name, own in self._own.items() if now - own[1] < FORGOTTEN_S}
        return {name: round(s * freshness(now - at) * 1e6) or 1 for name, (s, at) in self._own.items()}

    def hear(self, others: Mapping[str, int], servers: Mapping[str, LiveServer], now: float) -> None:
        """Join what this node has with what the other live nodes say, in microseconds by server id."""
        for server in servers.values():
            estimate, at = self._own.get(server.id, (0.0, float("-inf")))
            fresh = freshness(now - at)
            server.latency_s = estimate * fresh + others.get(server.id, 0) / 1e6 * (1 - fresh)
