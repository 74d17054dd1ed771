"""Slow start of a simulated pool, by the product's arithmetic."""

from __future__ import annotations

from dataclasses import replace

from cluster_lb.model.adaptive import Measured
from cluster_lb.model.effective_weights import effective_weights
from cluster_lb.model.slow_start import Ramp
from cluster_lb.model.weights import Rules, Weighed, adjust
from scripts.simulation.cluster import Cluster

ADJUST_S = 1.0


class Weights:
    """Keeps the weights of `cluster`, whose servers warm up by `ramp`. `percents`: in force, by id."""

    def __init__(self, cluster: Cluster, ramp: Ramp) -> None:
        self._cluster = cluster
        self._rules = Rules(ramp)
        self._events = cluster.events
        self._servers = {server.id: server for server in cluster.servers}
        self._weighed = {server_id: self._new(server_id) for server_id in cluster.weights}
        self._entry_percent: float | None = None
        self._events.after(ADJUST_S, self._adjust)

    @property
    def percents(self) -> dict[str, int]:
        return {server.id: server.percent for server in self._weighed.values()}

    def join(self, server_id: str) -> None:
        """A server comes into the running pool."""
        now_ms = 1000 * self._events.now
        entry = self._entry_percent
        new = self._new(server_id)
        if entry is not None:
            new = replace(new, percent=round(entry), warming_from_ms=now_ms)
        self._weighed[server_id] = replace(new, since_ms=now_ms)
        self._publish()

    def _new(self, server_id: str) -> Weighed:
        return Weighed(server_id, Measured(self._servers[server_id].kind.weight))

    def _adjust(self) -> None:
        self._events.after(ADJUST_S, self._adjust)
        now_ms = 1000 * self._events.now
        before = self.percents
        adjusted = adjust(list(self._weighed.values()), self._rules, now_ms, now_ms - 1000 * ADJUST_S)
        self._entry_percent = adjusted.entry_percent
        self._weighed = {server.id: server for server in adjusted.servers}
        if self.percents != before:
            self._publish()

    def _publish(self) -> None:
        weights = [round(server.measured.weight) for server in self._weighed.values()]
        effective = effective_weights(weights, list(self.percents.values()))
        self._cluster.change(dict(zip(self._weighed, effective, strict=True)))
