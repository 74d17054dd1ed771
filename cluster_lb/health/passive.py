"""Passive health: what traffic sees of the servers, told to the cluster, which decides on ejections.

The sample of each pool with outlier detection is told each second, with failures in it at the next
look. What Redis cannot take is dropped: nobody is ejected on the word of a node that is cut off.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from cluster_lb.clock import Clock
from cluster_lb.errors import StoreError, StoreUnavailableError
from cluster_lb.health.observation import Observation, Word
from cluster_lb.logs import Repeats
from cluster_lb.model.ejection import Ejection
from cluster_lb.model.sample import Sample
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.settings.schema import PoolSettings
from cluster_lb.store.outliers import Judgement

_log = structlog.get_logger("health")

TELL_S = 1.0  # under the 1.3 s within which the script wants to have heard of every node
LOOK_S = 0.25  # failures are told within this

#: (pool, its settings, samples by server id, server id -> at_ms of an ejection that probes speak against)
Judge = Callable[[str, PoolSettings, Mapping[str, Sample], Mapping[str, int]], Awaitable[Judgement]]


class Traffic(Protocol):
    """What the data path counted."""

    def look(self, pool: str, elapsed_s: float) -> None:
        """See what is in flight, so long after the last time."""

    def has_failures(self, pool: str) -> bool:
        """Whether there is something to be told soon."""

    def take_samples(self, pool: str) -> dict[str, Sample]:
        """By server id, since the last call."""


class Passive:
    """Tells samples for ever. What this node's reports decided: `ejected`: (pool, rule) -> ejections;
    `returned`: (pool, what ended them); `spared`: pool -> servers that a rule spoke against and a bound kept
    in."""

    def __init__(self, judge: Judge, traffic: Traffic, clock: Clock) -> None:
        self.ejected: Counter[tuple[str, str]] = Counter()
        self.returned: Counter[tuple[str, str]] = Counter()
        self.spared: Counter[str] = Counter()
        self._judge = judge
        self._traffic = traffic
        self._clock = clock
        self._looked_at = clock.monotonic()
        self._pools: dict[str, _Pool] = {}
        self._repeats = Repeats()

    def update(self, snapshot: Snapshot, settings: PoolSettings) -> None:
        """The pool is this from now on."""
        if not settings.outliers.enabled:
            self._pools.pop(snapshot.pool, None)
            return
        pool = self._pools.setdefault(snapshot.pool, _Pool(settings))
        pool.settings = settings
        known, pool.trials = pool.trials, {}
        for server in snapshot.servers:
            ejection = server.ejection
            if ejection is not None and ejection.holds and _probes_may_end(ejection, settings):
                trial = known.get(server.id)
                if trial is None or trial.at_ms != ejection.at_ms:
                    trial = _Trial(ejection.at_ms, settings.health.rise * ejection.times)
                pool.trials[server.id] = trial

    def hear_probe(self, pool: str, server_id: str, observation: Observation) -> None:
        """A probe of this node. Only one that the application answered says something of traffic."""
        known = self._pools.get(pool)
        trial = known.trials.get(server_id) if known else None
        if trial is not None and observation.conclusive:
            trial.passed = trial.passed + 1 if observation.word is Word.L7OK else 0

    async def run(self) -> None:
        """Look again and again, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Tell what is due."""
        now = self._clock.monotonic()
        elapsed_s, self._looked_at = min(now - self._looked_at, TELL_S), now
        for name, pool in list(self._pools.items()):
            self._traffic.look(name, elapsed_s)
            if now >= pool.due or self._traffic.has_failures(name):
                pool.due = now + TELL_S
                await self._tell(name, pool)

    async def _tell(self, name: str, pool: _Pool) -> None:
        samples = self._traffic.take_samples(name)
        try:
            judgement = await self._judge(name, pool.settings, samples, pool.proven())
        except StoreUnavailableError:
            return
        except StoreError as error:
            if self._repeats.is_new(name, str(error)):
                _log.error("cannot tell what traffic saw", pool=name, problem=str(error))
            return
        self.ejected.update((name, kind) for kind in judgement.ejected.values())
        self.returned.update((name, ended_by) for ended_by in judgement.returned.values())
        self.spared[name] += len(judgement.spared)


@dataclass(slots=True)
class _Trial:
    """Probes of a server that is ejected since `at_ms`: they must pass so often in a row, more with each
    ejection, so that a server which answers probes and fails requests does not flap."""

    at_ms: int
    needed: int
    passed: int = 0


@dataclass(slots=True)
class _Pool:
    settings: PoolSettings
    due: float = 0.0
    trials: dict[str, _Trial] = field(default_factory=dict)

    def proven(self) -> dict[str, int]:
        return {
            server_id: trial.at_ms for server_id, trial in self.trials.items() if trial.passed >= trial.needed
        }


def _probes_may_end(ejection: Ejection, settings: PoolSettings) -> bool:
    """That a probe is answered says nothing of how soon, unless it is asked for that too."""
    return settings.outliers.probes_end_it and (ejection.kind != "latency" or settings.health.slow_ms > 0)
