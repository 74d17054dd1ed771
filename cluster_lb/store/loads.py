"""In-flight load: each node reports its own count; the sum over live nodes is the cluster's."""

from __future__ import annotations

import json
from collections.abc import Mapping

from cluster_lb.store.client import Store
from cluster_lb.store.scripts import load

_PUBLISH = load("publish_load")


class Loads:
    """Reports of this node. Calls raise StoreUnavailableError or StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Pool -> servers with a field in Redis. A pool that is not here is reported anew, as a whole: a
        # former life of the node, or a Redis that came back, may hold other fields.
        self._reported: dict[str, set[str]] = {}
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
    ) -> tuple[int, dict[str, int]]:
        """Report what is in flight on each server, and the epoch that this node serves; returns the pool's
        epoch and, where `elsewhere` asks for it, what the other live nodes have in flight, by server id.
        Renews the node's lease in the pool: its votes and loads count while it lives."""
        keys = self._store.keys.pool(pool)
        before = self._reported.get(pool)
        busy = {server for server, count in loads.items() if count > 0}
        changes = {server: loads[server] for server in busy} | dict.fromkeys((before or set()) - busy, 0)
        epoch, others = await self._store.run(
            _PUBLISH,
            [keys.epoch, keys.servers, keys.nodes, keys.seen, keys.load],
            [node_id, lease_ms, epoch_seen, int(before is None), json.dumps(changes), int(elsewhere)],
        )
        self._reported[pool] = busy
        found = json.loads(others)
        # Lua cannot tell an empty object from an empty list
        return int(epoch), found if isinstance(found, dict) else {}
