"""One server's heartbeats: the whole record, each time, so that one repairs whatever Redis forgot."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from cluster_lb.errors import ClusterLBError, InvalidValueError, StoreError
from cluster_lb.model.server import ServerRecord
from cluster_lb.sdk.options import Timing
from cluster_lb.store.registry import Registry

# The standard library's logging: these lines belong in the log of the program that is registered.
_log = logging.getLogger("cluster_lb.sdk")


class Heartbeat:
    """Registers what `record` returns, now and again. `accepted`: whether the last attempt succeeded.

    What stands in the way is logged when it begins and when it is over, not at each attempt.
    """

    def __init__(
        self, registry: Registry, pool: str, timing: Timing, record: Callable[[], ServerRecord]
    ) -> None:
        self._registry = registry
        self._pool = pool
        self._timing = timing
        self._record = record
        self._due = asyncio.Event()
        self._problem: ClusterLBError | None = None
        self._left = False
        self._writing = asyncio.Lock()  # a heartbeat that overtook the leave would register again
        self.accepted = False

    def hasten(self) -> None:
        """Let the next heartbeat come now: Redis is back, or the record changed."""
        self._due.set()

    async def first(self) -> None:
        """Register for the first time. Raises InvalidValueError when the pool refuses the server."""
        await self._beat()
        if isinstance(self._problem, InvalidValueError):
            raise self._problem

    async def run(self) -> None:
        """Keep registered until `leave`."""
        while not self._left:
            await self._pause()
            async with self._writing:
                if not self._left:
                    await self._beat()

    async def leave(self, server_id: str) -> bool:
        """Take the server out and beat no more; whether it was registered. Raises StoreError."""
        self._left = True
        self.hasten()
        async with self._writing:
            self.accepted = False
            return await self._registry.deregister(self._pool, server_id)

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._timing.heartbeat_s):
                await self._due.wait()
        except TimeoutError:
            return  # the usual case: nothing made it due before its time
        finally:
            self._due.clear()

    async def _beat(self) -> None:
        record = self._record()
        try:
            await self._registry.register(self._pool, record, self._timing.ttl_ms)
        except (InvalidValueError, StoreError) as error:
            self._failed(record, error)
        else:
            self._succeeded(record)

    def _failed(self, record: ServerRecord, error: ClusterLBError) -> None:
        if type(error) is not type(self._problem):
            _log.warning("cannot register %s in pool %s, and go on trying: %s", record.id, self._pool, error)
        self._problem = error
        self.accepted = False

    def _succeeded(self, record: ServerRecord) -> None:
        if self._problem is not None:
            _log.warning("registered %s in pool %s again", record.id, self._pool)
        elif not self.accepted:
            _log.info("registered %s in pool %s", record.id, self._pool)
        self._problem = None
        self.accepted = True
