"""One server's agent: asked again and again for a line of words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import structlog

from cluster_lb.errors import InvalidValueError
from cluster_lb.health.agent_words import Words, read_line
from cluster_lb.health.streams import opened
from cluster_lb.health.watch import Watch
from cluster_lb.model.address import Address
from cluster_lb.model.availability import Health
from cluster_lb.model.verdict import Vote
from cluster_lb.settings.health import AgentSettings, payload

_log = structlog.get_logger("health")

MAX_LINE_BYTES = 1024  # with its description


@dataclass(slots=True, eq=False)
class AgentWatch(Watch[AgentSettings]):
    """Asks the agent of `server`, and calls `on_words(watch, words)` with each line.
    An agent that does not answer, or says what is no word, changes nothing: probes find whether the server
    lives (HAProxy does the same). `opinion`: up or down, as it said last, or up where it said other words
    alone."""

    on_words: Callable[[AgentWatch, Words], None]
    _problem: str = field(default="", init=False)

    @property
    def interval_s(self) -> float:
        return self.settings.interval_s

    async def ask(self) -> None:
        words = await self._heard()
        if words is not None:
            self._take(words)

    def _take(self, words: Words) -> None:
        if words.health is Health.DOWN:
            self.opinion = Vote(Health.DOWN, f"L7STS agent: {words.reason or 'down'}")
        elif words.health is Health.UP:
            self.opinion = Vote(Health.UP, "L7OK agent: up")
        elif self.opinion is None:  # it speaks and never said down
            self.opinion = Vote(Health.UP, "L7OK agent")
        self.on_words(self, words)

    async def _heard(self) -> Words | None:
        address = replace(self.server.address, port=self.settings.port)
        try:
            words = read_line(await question(address, self.settings))
        except (OSError, TimeoutError, InvalidValueError) as error:
            self._complain(str(error) or type(error).__name__)
            return None
        self._problem = ""
        return words

    def _complain(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            _log.warning("agent says nothing", pool=self.pool, server=self.server.id, problem=problem)


async def question(address: Address, settings: AgentSettings) -> str:
    """One line. Raises OSError or TimeoutError."""
    async with asyncio.timeout(settings.timeout_s), opened(address, None) as (reader, writer):
        writer.write(payload(settings.send))
        line = b""
        while b"\n" not in line and b"\r" not in line and len(line) < MAX_LINE_BYTES:
            part = await reader.read(MAX_LINE_BYTES - len(line))
            if not part:
                break
            line += part
    return line.decode("ascii", "replace")
