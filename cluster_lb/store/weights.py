"""Weights in force: slow start and adaptive weights, adjusted by whichever node comes first."""

from __future__ import annotations

from cluster_lb.store.client import Store
from cluster_lb.store.readings import PoolReading
from cluster_lb.store.scripts import load

_ADJUST = load("adjust_weights")


class Weights:
    """The percents of a pool's servers. Calls raise StoreUnavailableError or StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def adjust(self, reading: PoolReading) -> int:
        """Adjust the pool that `reading` is of, if its settings ask for that, or did and left traces. Returns
        the number of servers whose percent changed. Within 1 s of another call, by any node, it does
        nothing."""
        if not _is_adjusted(reading):
            return 0
        keys = self._store.keys.pool(reading.pool)
        changed = await self._store.run(
            _ADJUST,
            [
                keys.config,
                keys.epoch,
                keys.servers,
                keys.server_prefix,
                keys.verdicts,
                keys.nodes,
                keys.latency,
                keys.weights,
                keys.ejections,
            ],
            [self._store.keys.events, reading.pool],
        )
        return int(changed or 0)


def _is_adjusted(reading: PoolReading) -> bool:
    settings = reading.settings
    return (
        settings.weights == "adaptive"
        or settings.slow_start.duration_s > 0
        or any(server.percent < 100 for server in reading.snapshot.servers)
    )
