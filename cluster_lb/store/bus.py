"""Hints over pub/sub: what changed, as soon as it does. They may be lost; nothing depends on them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from cluster_lb.store.client import Store
from cluster_lb.store.foreign import UNREADABLE
from cluster_lb.store.url import CLOSED_UNDERNEATH, cancellable, close_client, one_node_of

_log = structlog.get_logger("store")

_PING_EVERY_S = 1.0  # of silence; redis-py itself would wait on a dead connection for ever (redis-py#2089)
_LOST_AFTER_S = 2.0  # without any message or pong
_RETRY_S = 0.2  # after a lost connection; while the store is down, its reconnecting sets the pace


@dataclass(frozen=True, slots=True)
class Hint:
    """Something changed. `epoch`: the pool's, or the revision of the routes where `pool` is empty; `what`:
    register, state, agent, remove, mark, sweep, verdict, eject, return, weights, config, seed, routes;
    `server`: its id, or empty. `takes`: what is left of it (a value of `Availability`) where it takes no new
    exchanges from this epoch on; else empty."""

    pool: str
    epoch: int
    what: str
    server: str = ""
    takes: str = ""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The channel is heard from here on; what was said before may have been missed."""


class Bus:
    """Hears the hints on a connection of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def events(self) -> AsyncGenerator[Hint | Subscribed]:
        """Hints as they come, and `Subscribed` after each (re)connect. Ends never; reconnects by itself."""
        while True:
            await self._store.wait_up()
            try:
                async with aclosing(self._connect()) as events:
                    async for event in events:
                        yield event
            except (RedisError, OSError, *CLOSED_UNDERNEATH) as error:
                _log.info("hints are not heard", error=str(error) or "no answer in time")
            await asyncio.sleep(_RETRY_S)

    async def _connect(self) -> AsyncGenerator[Hint | Subscribed]:
        client = self._store.new_client()
        timeout_s = self._store.command_timeout_s
        try:
            async with one_node_of(client, timeout_s) as node, aclosing(self._listen(node)) as events:
                async for event in events:
                    yield event
        finally:
            await close_client(client, timeout_s)

    async def _listen(self, client: Redis) -> AsyncGenerator[Hint | Subscribed]:
        """Raises RedisError or OSError (TimeoutError) when the connection is lost."""
        pubsub: PubSub = client.pubsub()
        try:
            await cancellable(pubsub.subscribe(self._store.keys.events))
            heard_at = time.monotonic()
            while True:
                message = await cancellable(pubsub.get_message(timeout=_PING_EVERY_S))
                now = time.monotonic()
                if message is None:
                    if now - heard_at > _LOST_AFTER_S:
                        raise TimeoutError(f"no pong for {_LOST_AFTER_S} s")
                    await cancellable(pubsub.ping())
                    continue
                heard_at = now
                if message["type"] == "subscribe":
                    yield Subscribed()
                elif message["type"] == "message" and (hint := read_hint(message["data"])):
                    yield hint
        finally:
            await pubsub.aclose()  # type: ignore[no-untyped-call]


def read_hint(text: str) -> Hint | None:
    """The hint in a message; None when the message is foreign."""
    try:
        value: Any = json.loads(text)
        texts = [str(value.get(name, "")) for name in ("what", "server", "takes")]
        return Hint(str(value["pool"]), int(value["epoch"]), *texts)
    except UNREADABLE:
        return None
