"""What each node tells of a pool: its exchanges in flight, of which the sum over live nodes is the cluster's,
and how long they take."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from cluster_lb.store.client import Store
from cluster_lb.store.scripts import load

_PUBLISH = load("publish_load")


class Heard(NamedTuple):
    """What a report is answered with: the pool's epoch, and where it is asked for, what the other live nodes
    have in flight, and the highest latency that one of them reports, microseconds; both by server id."""

    epoch: int
    elsewhere: Mapping[str, int]
    latencies: Mapping[str, int]


class Loads:
    """Reports of this node. Calls raise StoreUnavailableError or StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Pool -> servers with a field in Redis, of load and of latency. A pool that is not here is reported
        # anew, as a whole: a former life of the node, or a Redis that came back, may hold other fields.
        self._reported: dict[str, tuple[set[str], set[str]]] = {}
        store.on_up.append(self._reported.clear)

    async def publish(
        self,
        pool: str,
        node_id: str,
        lease_ms: int,
        epoch_seen: int,
        loads: Mapping[str, int],
        *,
        elsewhere: bool = False,
        latencies: Mapping[str, int] | None = None,
    ) -> Heard:
        """Report what is in flight on each server, and the epoch that this node serves. `elsewhere` asks for
        the other nodes' loads, `latencies` (microseconds; None: not measured) for their latencies too.
        Renews the node's lease in the pool: what it says counts while that lives."""
        keys = self._store.keys.pool(pool)
        before = self._reported.get(pool)
        busy, timed = before or (set(), set())
        load_changes, latency_changes = _changes(loads, busy), _changes(latencies or {}, timed)
        epoch, others, slowest = await self._store.run(
            _PUBLISH,
            [keys.epoch, keys.servers, keys.nodes, keys.seen, keys.load, keys.latency],
            [
                node_id,
                lease_ms,
                epoch_seen,
                int(before is None),
                json.dumps(load_changes),
                2 if latencies is not None else int(elsewhere),
                json.dumps(latency_changes),
            ],
        )
        self._reported[pool] = _present(load_changes), _present(latency_changes)
        return Heard(int(epoch), _table(others), _table(slowest))


def _changes(values: Mapping[str, int], before: set[str]) -> dict[str, int]:
    """What to write: all that is above 0, and 0 for what was."""
    present = _present(values)
    return {server: values[server] for server in present} | dict.fromkeys(before - present, 0)


def _present(values: Mapping[str, int]) -> set[str]:
    return {server for server, value in values.items() if value > 0}


def _table(text: str) -> Mapping[str, int]:
    """Lua cannot tell an empty object from an empty list."""
    found = json.loads(text)
    return found if isinstance(found, dict) else {}
