"""One server under watch: asked again and again, by probes or through its agent."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from cluster_lb.dial import Dial
from cluster_lb.health.rhythm import Rhythm
from cluster_lb.model.server import Server
from cluster_lb.model.verdict import Vote

S = TypeVar("S")


@dataclass(slots=True, eq=False)
class Watch(ABC, Generic[S]):
    """Asks `server` as `settings` say, at the turns of `rhythm`. `dial`: how it is spoken to; None: plainly.
    `opinion`: what this kind of watch says of the server, with the reason; None: nothing yet."""

    pool: str
    server: Server
    settings: S
    rhythm: Rhythm
    dial: Dial | None
    opinion: Vote | None = field(default=None, kw_only=True)
    task: asyncio.Task[None] | None = field(default=None, init=False, repr=False)

    def goes_on(self, server: Server, settings: S, dial: Dial | None, phase: float) -> bool:
        """Go on, at `phase`, as the watch of `server` with `settings`; False: it would ask otherwise, and has
        stopped."""
        if (self.server.address, self.settings) != (server.address, settings) or self.dial is not dial:
            self.stop()
            return False
        self.rhythm.phase = phase
        return True

    @property
    @abstractmethod
    def interval_s(self) -> float:
        """Until the next turn."""

    @abstractmethod
    async def ask(self) -> None:
        """Ask once, and tell what came of it."""

    async def run(self, slots: asyncio.Semaphore) -> None:
        """Ask for ever; `slots` bounds what is asked at once."""
        while True:
            await self.rhythm.turn(self.interval_s)
            async with slots:
                await self.ask()

    def stop(self) -> None:
        """Ask no more; what is under way is given up."""
        if self.task:
            self.task.cancel()
