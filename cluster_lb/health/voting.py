"""This node's votes on their way to the store: a new opinion at once, all of them again every 2 s."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Any

import structlog

from cluster_lb.clock import Clock
from cluster_lb.errors import StoreError, StoreUnavailableError
from cluster_lb.logs import Repeats
from cluster_lb.model.verdict import Vote

_log = structlog.get_logger("health")

Cast = Callable[[str, Mapping[str, Vote]], Awaitable[Any]]  # (pool, server id -> vote)

REFRESH_S = 2.0  # twice within a node's lease (5 s), like a server's heartbeat
GAP_S = 0.05  # between two casts: when many servers flip together their votes travel together


class Voting:
    """Holds the votes of this node and casts them.

    What the store cannot take is dropped: the next refresh says it again.
    """

    def __init__(self, cast: Cast, clock: Clock, random: Random, *, refresh_s: float = REFRESH_S) -> None:
        self._cast = cast
        self._clock = clock
        self._random = random
        self._refresh_s = refresh_s
        self._votes: dict[str, dict[str, Vote]] = {}  # pool -> server id -> vote
        self._news: dict[str, set[str]] = {}  # pool -> server ids whose vote is new
        self._has_news = asyncio.Event()
        self._repeats = Repeats()

    def vote(self, pool: str, server_id: str, vote: Vote) -> None:
        """Hold this opinion. Cast at once when it is the first or a changed one; a changed reason alone waits
        for the refresh."""
        before = self._votes.setdefault(pool, {}).get(server_id)
        self._votes[pool][server_id] = vote
        if before is None or before.health is not vote.health:
            self._news.setdefault(pool, set()).add(server_id)
            self._has_news.set()

    def forget(self, pool: str, server_id: str) -> None:
        """Hold no opinion any more; the vote in the store ends by itself."""
        self._votes.get(pool, {}).pop(server_id, None)
        self._news.get(pool, set()).discard(server_id)

    async def run(self) -> None:
        """Cast what is due, for ever."""
        refresh_at = self._next_refresh()
        while True:
            await self._wait_for_news(refresh_at)
            if self._clock.monotonic() >= refresh_at:
                refresh_at = self._next_refresh()
                await self._cast_all(self._take_all())
            else:
                await self._cast_all(self._take_news())
            await asyncio.sleep(GAP_S)

    def _next_refresh(self) -> float:
        return self._clock.monotonic() + self._refresh_s * self._random.uniform(0.9, 1.1)

    async def _wait_for_news(self, until: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, until - self._clock.monotonic())):
                await self._has_news.wait()
        except TimeoutError:
            return  # the refresh is due

    def _take_all(self) -> dict[str, dict[str, Vote]]:
        self._clear_news()
        return {pool: dict(votes) for pool, votes in self._votes.items() if votes}

    def _take_news(self) -> dict[str, dict[str, Vote]]:
        taken = {
            pool: {server_id: self._votes[pool][server_id] for server_id in news}
            for pool, news in self._news.items()
            if news
        }
        self._clear_news()
        return taken

    def _clear_news(self) -> None:
        self._news.clear()
        self._has_news.clear()

    async def _cast_all(self, batch: Mapping[str, Mapping[str, Vote]]) -> None:
        for pool, votes in batch.items():
            try:
                await self._cast(pool, votes)
            except StoreUnavailableError as error:
                _log.debug("votes not cast", pool=pool, votes=len(votes), problem=str(error))
            except StoreError as error:
                if self._repeats.is_new(pool, str(error)):
                    _log.error("votes not cast", pool=pool, votes=len(votes), problem=str(error))
            else:
                self._repeats.over(pool)
