"""Waiting until a change of a server has reached every live node, and until nothing is open on it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass

from cluster_lb.errors import ClusterLBError, NotFoundError
from cluster_lb.store.readings import PoolReading
from cluster_lb.store.registry import Registry

DEFAULT_TIMEOUT_S = 60.0  # as long as a server may be silent over an exchange, by default
_POLL_S = 0.1  # nodes tell a changed load and epoch within 250 ms
_RETURN_S = 3.0  # after an outage of Redis nodes are back within 2 s: a reconnect (1 s at most), a beat (1 s)


@dataclass(frozen=True, slots=True)
class Progress:
    """`late`: live nodes that do not serve the epoch yet; `open`: attempts in flight over all of them."""

    late: tuple[str, ...]
    open: int

    def __str__(self) -> str:
        parts = []
        if self.late:
            parts.append(f"{', '.join(self.late)} did not take up the change")
        if self.open:
            parts.append(f"{self.open} still open")
        return ", ".join(parts)


class _Roll:
    """Who was heard lately: that Redis forgets a node, or was away from it, does not make it dead at once."""

    def __init__(self) -> None:
        self._heard: dict[str, float] = {}  # node -> when it was last known to live, monotonic

    def absent(self, reading: PoolReading, now: float) -> set[str]:
        """Nodes that may be back soon."""
        self._heard = dict.fromkeys(reading.unheard, now) | self._heard | dict.fromkeys(reading.seen, now)
        lately = {node for node, at in self._heard.items() if now - at < _RETURN_S}
        return lately - reading.seen.keys()


def progress(
    reading: PoolReading, server_id: str, epoch: int, absent: Collection[str], *, must_empty: bool
) -> Progress:
    """How far the live nodes are, and those that are `absent`. A node tells its epoch and its load together,
    so once it serves `epoch` its load can only fall; but in a sticky pool, where clients bound to the server
    go on coming."""
    late = sorted({node for node, seen in reading.seen.items() if seen < epoch}.union(absent))
    return Progress(tuple(late), reading.in_flight(server_id) if must_empty else 0)


async def wait_for_nodes(
    registry: Registry, pool: str, server_id: str, timeout_s: float, *, must_empty: bool
) -> None:
    """Return when all live nodes serve the pool as it is now and, with `must_empty`, no attempt on the
    server is in flight. Raises ClusterLBError after `timeout_s` with what is missing."""
    deadline = time.monotonic() + timeout_s
    epoch = (await _read(registry, pool)).epoch
    roll = _Roll()
    while True:
        reading = await _read(registry, pool)
        absent = roll.absent(reading, time.monotonic())
        found = progress(reading, server_id, epoch, absent, must_empty=must_empty)
        if not found.late and not found.open:
            return
        if time.monotonic() >= deadline:
            raise ClusterLBError(f"{pool}/{server_id}: after {timeout_s:g} s: {found}")
        await asyncio.sleep(_POLL_S)


async def _read(registry: Registry, pool: str) -> PoolReading:
    reading = await registry.read_pool(pool)
    if reading is None:
        raise NotFoundError(f"pool {pool!r}: the cluster has no pool of this name")
    return reading
