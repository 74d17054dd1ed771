"""The connection to Redis: every command of the project goes through a `Store`.

A command that gets no answer in time marks the store down. While it is down every call fails at once,
and one background task pings until Redis answers: with a fresh client each time, so that no connection
to a frozen or demoted primary is used again.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import structlog
from redis import exceptions as redis_errors
from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from cluster_lb.errors import StoreError, StoreUnavailableError
from cluster_lb.store.keys import Keys
from cluster_lb.store.scripts import Script
from cluster_lb.store.url import (
    CLOSED_UNDERNEATH,
    Client,
    ClientFactory,
    cancellable,
    client_factory,
    close_client,
    database_of,
    drop_idle,
)
from cluster_lb.tasks import TaskSet

_log = structlog.get_logger("store")

# Full jitter keeps many nodes from knocking at once (AWS architecture blog, "Exponential backoff and
# jitter"). 1 s at most: shared tickets return within about a second of Redis' return.
_FIRST_WAIT_S = 0.05
_LONGEST_WAIT_S = 1.0
# Calls beyond wait their turn; redis-py would raise an error beyond its own limit (100).
_MAX_CONNECTIONS = 16
# A reconnect may ask several Sentinels or Cluster nodes before one answers.
_RECONNECT_TIMEOUT_FACTOR = 4

_UNAVAILABLE = (
    redis_errors.ConnectionError,  # also: loading, no such primary, wrong password
    redis_errors.TimeoutError,
    redis_errors.ReadOnlyError,  # a demoted primary
    redis_errors.ClusterError,  # down, or a slot that is being moved
    redis_errors.MasterDownError,
    redis_errors.TryAgainError,
    redis_errors.RedisClusterException,
    OSError,  # TimeoutError is one
    *CLOSED_UNDERNEATH,
)
_UNAVAILABLE_TEXT = ("LOADING", "READONLY", "BUSY ", "MASTERDOWN", "CLUSTERDOWN")
_FAILURES = (redis_errors.RedisError, *_UNAVAILABLE)


#: key and arguments of a script that has one key
Call = tuple[str, Sequence[str | int | float]]


@dataclass(slots=True)
class StoreCounters:
    """Since the start of the process. `errors`: calls that failed."""

    commands: int = 0
    errors: int = 0
    reconnects: int = 0


class Store:
    """One Redis, primary behind Sentinels, or Cluster. An async context manager: it owns the reconnecting.

    Calls raise StoreUnavailableError (no answer in `command_timeout_s`, or down) or StoreError (Redis
    refused; a repeat will not help). `up`: whether the last call got an answer. `on_up`: called each
    time that Redis answers again.
    """

    def __init__(
        self, connect: ClientFactory, namespace: str = "lb", *, command_timeout_s: float = 0.5
    ) -> None:
        self.up = False
        self.counters = StoreCounters()
        self.on_up: list[Callable[[], None]] = []
        self.command_timeout_s = command_timeout_s
        self.new_client = connect
        self._client = connect()
        self.keys = Keys(namespace, database_of(self._client))
        self._connections = asyncio.Semaphore(_MAX_CONNECTIONS)
        self._tasks = TaskSet()
        self._reconnecting: asyncio.Task[None] | None = None
        self._outage = "not yet connected"
        self._up_at = -_LONGEST_WAIT_S

    @classmethod
    def from_url(cls, url: str, namespace: str = "lb", *, command_timeout_s: float = 0.5) -> Self:
        """A store for `url`; nothing connects yet. InvalidValueError when the URL is bad."""
        return cls(client_factory(url, command_timeout_s), namespace, command_timeout_s=command_timeout_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop reconnecting and close the connections."""
        await self._tasks.stop()
        await close_client(self._client, self.command_timeout_s)

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[str | int | float]) -> Any:
        """Run `script`; its arguments as its header says."""
        assert len(keys) == script.n_keys, script.name

        async def evaluate(client: Client) -> Any:
            try:
                return await client.execute_command("EVALSHA", script.sha, len(keys), *keys, *args)
            except redis_errors.NoScriptError:
                self.counters.commands += 1
                return await client.execute_command("EVAL", script.text, len(keys), *keys, *args)

        return await self._guarded(script.name, 1, evaluate)

    async def run_each(self, script: Script, calls: Sequence[Call]) -> list[Any]:
        """Run `script`, which has one key, for each of `calls` in one round trip (per Cluster node); not
        atomic together."""

        async def evaluate(client: Client) -> list[Any]:
            results = await _pipelined(client, ["EVALSHA", script.sha], calls)
            unknown = [
                i for i, result in enumerate(results) if isinstance(result, redis_errors.NoScriptError)
            ]
            if unknown:
                self.counters.commands += len(unknown)
                again = await _pipelined(client, ["EVAL", script.text], [calls[i] for i in unknown])
                for i, result in zip(unknown, again, strict=True):
                    results[i] = result
            for result in results:
                if isinstance(result, Exception):
                    raise result
            return results

        assert script.n_keys == 1, script.name
        replies: list[Any] = await self._guarded(script.name, len(calls), evaluate)
        return replies

    async def call(self, *command: str | int | float) -> Any:
        """Run one plain command."""
        what = " ".join(map(str, command[:2]))  # the key among it
        return await self._guarded(what, 1, lambda client: client.execute_command(*command))

    async def batch(self, commands: Sequence[Sequence[str | int | float]]) -> list[Any]:
        """Run several plain commands in one round trip (per Cluster node); not atomic."""

        async def send(client: Client) -> list[Any]:
            pipeline = client.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            results: list[Any] = await pipeline.execute()
            return results

        return await self._guarded("batch", len(commands), send) if commands else []

    async def wait_up(self) -> None:
        """Return once Redis answers; at once when it did last time."""
        while not self.up:
            if self._reconnecting is None:
                self._reconnecting = self._tasks.start(self._reconnect(), "redis reconnect")
            await asyncio.shield(self._reconnecting)

    async def _guarded(self, what: str, commands: int, send: Callable[[Client], Awaitable[Any]]) -> Any:
        async with self._connections:
            client = self._client
            try:
                return await self._within_time(client, what, commands, send)
            finally:
                if client is not self._client:
                    # It was replaced and closed meanwhile; what this call opened since must not stay.
                    await close_client(client, self.command_timeout_s)

    async def _within_time(
        self, client: Client, what: str, commands: int, send: Callable[[Client], Awaitable[Any]]
    ) -> Any:
        if self._reconnecting is not None:
            self.counters.errors += 1
            raise StoreUnavailableError(f"Redis is not available: {self._outage}")
        self.counters.commands += commands
        try:
            async with asyncio.timeout(self.command_timeout_s):
                result = await _send_again_if_closed(client, send)
        except _FAILURES as error:
            self.counters.errors += 1
            if not _is_outage(error):
                raise StoreError(f"Redis refused {what}: {_refusal(error)}") from error
            if client is self._client:
                self._mark_down(error)
            raise StoreUnavailableError(f"Redis is not available: {_text(error)}") from error
        except Exception as error:
            if client is self._client:
                raise
            # It was closed under this call, of which loops and redis-py tell in errors of many kinds.
            self.counters.errors += 1
            raise StoreUnavailableError(f"Redis is not available: {_text(error)}") from error
        self.up = self._reconnecting is None
        return result

    def _mark_down(self, error: Exception) -> None:
        self.up = False
        self._outage = _text(error)
        if self._reconnecting is None:
            _log.warning("redis is not available", error=self._outage)
            self._reconnecting = self._tasks.start(self._reconnect(), "redis reconnect")

    async def _reconnect(self) -> None:
        if time.monotonic() - self._up_at < _LONGEST_WAIT_S:
            # Redis answers pings and fails commands (a demoted primary, say): no quicker than the backoff.
            await asyncio.sleep(random.uniform(0, _LONGEST_WAIT_S))
        retrying = AsyncRetrying(
            wait=wait_random_exponential(multiplier=_FIRST_WAIT_S, max=_LONGEST_WAIT_S),
            retry=retry_if_exception_type(_FAILURES),
        )
        async for attempt in retrying:
            with attempt:
                await self._connect_anew()
        self._reconnecting = None
        self.up = True
        self._up_at = time.monotonic()
        self.counters.reconnects += 1
        _log.info("redis answers")
        for callback in self.on_up:
            callback()

    async def _connect_anew(self) -> None:
        old, self._client = self._client, self.new_client()
        await close_client(old, self.command_timeout_s)
        try:
            async with asyncio.timeout(self.command_timeout_s * _RECONNECT_TIMEOUT_FACTOR):
                await self._client.execute_command("PING")
        except _FAILURES as error:
            self._outage = _text(error)
            raise


async def _pipelined(client: Client, how: Sequence[str], calls: Sequence[Call]) -> list[Any]:
    """The results of a script with one key, errors among them."""
    pipeline = client.pipeline(transaction=False)
    for key, args in calls:
        pipeline.execute_command(*how, 1, key, *args)
    results: list[Any] = await pipeline.execute(raise_on_error=False)
    return results


async def _send_again_if_closed(client: Client, send: Callable[[Client], Awaitable[Any]]) -> Any:
    """A connection that was closed while it was idle (Redis restarted, or has a `timeout`) is no outage. All
    our commands and scripts may be sent twice."""
    try:
        return await cancellable(send(client))
    except redis_errors.ConnectionError:
        await drop_idle(client)
        return await cancellable(send(client))


def _is_outage(error: Exception) -> bool:
    return isinstance(error, _UNAVAILABLE) or str(error).startswith(_UNAVAILABLE_TEXT)


def _refusal(error: Exception) -> str:
    """What Redis says; where a key holds something else than ours, what to do about that."""
    if "WRONGTYPE" not in str(error):
        return str(error)
    return f"{error}. Something of another type is there: look at it, then rename or remove the key"


def _text(error: Exception) -> str:
    return str(error) or "no answer in time"
