"""What a script left in Redis: keys, lifetimes, hints; and Redis time."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from cluster_lb.model.address import Address
from cluster_lb.model.server import ServerRecord
from cluster_lb.store.client import Store


def record(server_id: str, port: int = 9001, **fields: Any) -> ServerRecord:
    """What a server on loopback says of itself."""
    return ServerRecord(server_id, Address("127.0.0.1", port), **fields)


async def now_ms(store: Store) -> int:
    seconds, micros = await store.call("TIME")
    return int(seconds) * 1000 + int(micros) // 1000


async def key_names(store: Store) -> set[str]:
    """All keys, without the namespace."""
    return {key.removeprefix("lb:") for key in await store.call("KEYS", "*")}


async def hash_at(store: Store, key: str) -> dict[str, str]:
    fields: dict[str, str] = await store.call("HGETALL", key)
    return fields


async def epoch_of(store: Store, pool: str = "web") -> int:
    return int(await store.call("GET", store.keys.pool(pool).epoch) or 0)


async def lease_left_ms(store: Store, server_id: str, pool: str = "web") -> float:
    """What is left of a server's lease; it must have one."""
    deadline = await store.call("ZSCORE", store.keys.pool(pool).servers, server_id)
    return float(deadline) - await now_ms(store)


async def set_lease(store: Store, left_ms: int, *server_ids: str, pool: str = "web") -> None:
    """Make the leases end `left_ms` from now; negative: ended so long ago."""
    now = await now_ms(store)
    for server_id in server_ids:
        await store.call("ZADD", store.keys.pool(pool).servers, now + left_ms, server_id)


async def set_swept(store: Store, ago_ms: int = 1000, pool: str = "web") -> None:
    """Make the last sweep so long ago."""
    await store.call("HSET", store.keys.pool(pool).sweep, "at_ms", await now_ms(store) - ago_ms)


class Heard:
    """The hints heard so far."""

    def __init__(self, store: Store, pubsub: Any) -> None:
        self._store = store
        self._pubsub = pubsub

    async def all(self) -> list[dict[str, Any]]:
        """Every hint published since the last call."""
        await self._store.call("PUBLISH", self._store.keys.events, "end")
        hints = []
        while True:
            message = await self._pubsub.get_message(ignore_subscribe_messages=True, timeout=1.0)
            if message is None:
                continue
            if message["data"] == "end":
                return hints
            hints.append(json.loads(message["data"]))

    async def whats(self) -> list[str]:
        return [hint["what"] for hint in await self.all()]


@contextlib.asynccontextmanager
async def hearing(store: Store) -> AsyncIterator[Heard]:
    """Hear the hints of `store`."""
    client = store.new_client()
    try:
        async with client.pubsub() as pubsub:
            await pubsub.subscribe(store.keys.events)
            await pubsub.get_message(timeout=1.0)  # the confirmation
            yield Heard(store, pubsub)
    finally:
        await client.aclose()
