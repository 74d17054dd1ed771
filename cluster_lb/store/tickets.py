"""Tickets of one pool, kept at hand: a `TicketRun` that refills itself from Redis."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import structlog

from cluster_lb.clock import Clock, SystemClock
from cluster_lb.errors import StoreError, StoreUnavailableError
from cluster_lb.logs import Repeats
from cluster_lb.model.ticket_run import TicketRun
from cluster_lb.store.client import Store
from cluster_lb.store.scripts import load

_log = structlog.get_logger("tickets")
_TAKE = load("take_tickets")
_PAUSE_S = 1.0  # between attempts that cannot succeed yet


class SharedTickets(TicketRun):
    """The tickets of `pool` on this node. `run` keeps them coming; `on_epoch` is called with the epoch in
    force when Redis has another one than this node serves, so that the pool is read again."""

    __slots__ = ("_clock", "_needed", "_on_epoch", "_pool", "_repeats", "_store")

    def __init__(
        self,
        store: Store,
        pool: str,
        *,
        on_epoch: Callable[[int], None] = lambda epoch: None,
        clock: Clock | None = None,
        start: int | None = None,
    ) -> None:
        self._needed = asyncio.Event()
        super().__init__(self._needed.set, random.randrange(1 << 16) if start is None else start)
        self._store = store
        self._pool = pool
        self._on_epoch = on_epoch
        self._clock = clock or SystemClock()
        self._repeats = Repeats()

    async def run(self) -> None:
        """Take blocks as they are needed, for ever. An outage of Redis is waited out: `take` goes on from
        local tickets meanwhile."""
        while True:
            await self._needed.wait()
            self._needed.clear()
            try:
                await self._refill()
            except StoreUnavailableError:
                await self._store.wait_up()
                self._needed.set()
            except StoreError as error:
                if self._repeats.is_new(self._pool, str(error)):
                    _log.error("no tickets", pool=self._pool, problem=str(error))
                await self._pause()
            else:
                self._repeats.over(self._pool)

    async def _refill(self) -> None:
        request = self.request(self._clock.monotonic())
        keys = self._store.keys.pool(self._pool)
        first, count, epoch = await self._store.run(
            _TAKE,
            [keys.epoch, keys.tickets],
            [request.epoch, request.continues_at, request.count, request.apart],
        )
        if epoch == request.epoch:
            self.deliver(request, first, count)
        elif request.epoch == self.epoch:
            self._on_epoch(epoch)
            await self._pause()

    async def _pause(self) -> None:
        """Wait for another epoch to be adopted; not for ever, a Redis that lost the pool gets it back."""
        try:
            async with asyncio.timeout(_PAUSE_S):
                await self._needed.wait()
        except TimeoutError:
            self._needed.set()
