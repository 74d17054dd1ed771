"""One server under watch: probes it again and again, counts, and says what changed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

import structlog

from cluster_lb.clock import Clock
from cluster_lb.dial import Dial
from cluster_lb.health.observation import Observation, Word
from cluster_lb.health.rhythm import Rhythm
from cluster_lb.health.tally import Tally
from cluster_lb.model.server import Server
from cluster_lb.model.verdict import Vote
from cluster_lb.settings.health import HealthSettings

_log = structlog.get_logger("health")

Probe = Callable[[Server, HealthSettings, Dial | None], Awaitable[Observation]]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all watches of a node share. `slots` bounds the probes at once."""

    probe: Probe
    slots: asyncio.Semaphore
    clock: Clock
    random: Random


@dataclass(slots=True, eq=False)
class Watch:
    """Probes `server` as `settings` say, at the turns of `rhythm`.

    `on_result(watch, observation)` is called after each observation; one that is not conclusive is not
    counted. `dial`: how the server is spoken to; None: plainly. `opinion`: what the tally says, with the last
    reason for it; None: nothing yet.
    """

    pool: str
    server: Server
    settings: HealthSettings
    rhythm: Rhythm
    tally: Tally
    on_result: Callable[[Watch, Observation], None]
    dial: Dial | None = None
    opinion: Vote | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    def probes_like(self, server: Server, settings: HealthSettings, dial: Dial | None) -> bool:
        """Whether a watch of `server` with `settings` would send the same probes."""
        return self.server.address == server.address and self.settings == settings and self.dial is dial

    @property
    def interval_s(self) -> float:
        """Until the next probe: HAProxy's `inter`, `fastinter` between the states, `downinter` while down."""
        settings = self.settings
        if not self.tally.settled:
            return settings.fast_interval_s or settings.interval_s
        return settings.interval_s if self.tally.up else settings.down_interval_s or settings.interval_s

    def stop(self) -> None:
        """Probe no more; a probe under way is given up."""
        if self.task:
            self.task.cancel()

    async def run(self, around: Surroundings) -> None:
        """Probe for ever."""
        while True:
            await self.rhythm.turn(self.interval_s)
            async with around.slots:
                observation = await self._observe(around.probe)
            if observation.conclusive:
                self.tally.add(observation.ok)
                if observation.ok is self.tally.up:
                    self.opinion = Vote(self.tally.health, observation.reason)
            self.on_result(self, observation)

    async def _observe(self, probe: Probe) -> Observation:
        try:
            return await probe(self.server, self.settings, self.dial)
        except Exception:
            # A defect of the probe must cost one observation, not the watch: nobody would probe this server.
            _log.exception("probe raised", server=self.server.id, address=str(self.server.address))
            return Observation(Word.SOCKERR, "defect of the probe")
