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
from cluster_lb.health.tally import Tally
from cluster_lb.model.server import Server
from cluster_lb.settings.schema import HealthSettings

_log = structlog.get_logger("health")

Probe = Callable[[Server, HealthSettings, Dial | None], Awaitable[Observation]]

JITTER = 0.1  # each interval is 90 % to 110 % of the configured one, so that probes do not resonate


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all watches of a node share. `slots` bounds the probes at once."""

    probe: Probe
    slots: asyncio.Semaphore
    clock: Clock
    random: Random


@dataclass(slots=True, eq=False)
class Watch:
    """Probes `server` as `settings` say, for the first time at `phase` (0..1) of the interval.

    `on_result(watch, observation, flipped)` is called after each observation; one that is not conclusive
    is not counted. `dial`: how the server is spoken to; None: plainly.
    """

    pool: str
    server: Server
    settings: HealthSettings
    phase: float
    tally: Tally
    on_result: Callable[[Watch, Observation, bool], None]
    dial: Dial | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    def probes_like(self, server: Server, settings: HealthSettings, dial: Dial | None) -> bool:
        """Whether a watch of `server` with `settings` would send the same probes."""
        return self.server.address == server.address and self.settings == settings and self.dial is dial

    def stop(self) -> None:
        """Probe no more; a probe under way is given up."""
        if self.task:
            self.task.cancel()

    async def run(self, around: Surroundings) -> None:
        """Probe for ever."""
        due = around.clock.monotonic() + self.phase * self.settings.interval_s
        while True:
            await asyncio.sleep(max(0.0, due - around.clock.monotonic()))
            async with around.slots:
                observation = await self._observe(around.probe)
            flipped = observation.conclusive and self.tally.add(observation.ok) is not None
            self.on_result(self, observation, flipped)
            interval = self.settings.interval_s * around.random.uniform(1 - JITTER, 1 + JITTER)
            due = max(due + interval, around.clock.monotonic())

    async def _observe(self, probe: Probe) -> Observation:
        try:
            return await probe(self.server, self.settings, self.dial)
        except Exception:
            # A defect of the probe must cost one observation, not the watch: nobody would probe this server.
            _log.exception("probe raised", server=self.server.id, address=str(self.server.address))
            return Observation(Word.SOCKERR, "defect of the probe")
