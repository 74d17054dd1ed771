"""One server's probes: made again and again, counted, and what changed is said."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from cluster_lb.dial import Dial
from cluster_lb.health.observation import Observation, Word
from cluster_lb.health.tally import Tally
from cluster_lb.health.watch import Watch
from cluster_lb.model.server import Server
from cluster_lb.model.verdict import Vote
from cluster_lb.settings.health import HealthSettings

_log = structlog.get_logger("health")

Probe = Callable[[Server, HealthSettings, Dial | None], Awaitable[Observation]]


@dataclass(slots=True, eq=False)
class ProbeWatch(Watch[HealthSettings]):
    """Calls `on_result(watch, observation)` after each observation; one that is not conclusive is not
    counted. `opinion`: what the tally says, with the last reason for it."""

    tally: Tally
    probe: Probe
    on_result: Callable[[ProbeWatch, Observation], None]

    @property
    def interval_s(self) -> float:
        """Until the next probe: HAProxy's `inter`, `fastinter` between the states, `downinter` while down."""
        settings = self.settings
        if not self.tally.settled:
            return settings.fast_interval_s or settings.interval_s
        return settings.interval_s if self.tally.up else settings.down_interval_s or settings.interval_s

    async def ask(self) -> None:
        observation = await self._observe()
        if observation.conclusive:
            self.tally.add(observation.ok)
            if observation.ok is self.tally.up:
                self.opinion = Vote(self.tally.health, observation.reason)
        self.on_result(self, observation)

    async def _observe(self) -> Observation:
        try:
            return await self.probe(self.server, self.settings, self.dial)
        except Exception:
            # A defect of the probe must cost one observation, not the watch: nobody would probe this server.
            _log.exception("probe raised", server=self.server.id, address=str(self.server.address))
            return Observation(Word.SOCKERR, "defect of the probe")
