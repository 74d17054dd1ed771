"""What is offered to a node while it works: the newest of each kind is adopted, one after another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Offer = TypeVar("Offer")


class Offers(Generic[Offer]):
    """Offers by key, each adopted by `adopt`, unless a newer one of its key comes first."""

    def __init__(self, adopt: Callable[[Offer], Awaitable[None]]) -> None:
        self._adopt = adopt
        self._offered: dict[str, Offer] = {}
        self._news = asyncio.Event()

    def put(self, key: str, offer: Offer) -> None:
        """Let `offer` be adopted soon."""
        self._offered[key] = offer
        self._news.set()

    async def run(self) -> None:
        """Adopt what is offered, for ever."""
        while True:
            await self._news.wait()
            self._news.clear()
            await self.adopt_all()

    async def adopt_all(self) -> None:
        """Adopt what was offered so far."""
        while self._offered:
            _, offer = self._offered.popitem()
            await self._adopt(offer)
