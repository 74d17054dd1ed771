"""The prober of a node: which servers it probes as pools and members change, and what follows of a result.

Probe -> observation -> tally -> vote (`Voting`) -> verdict (the store). At a flip of its own tally the node
also tells its overlay, so that health works while Redis is away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from random import Random
from typing import Self

import structlog

from cluster_lb.clock import Clock
from cluster_lb.dial import Dial
from cluster_lb.health.assignment import Assignment
from cluster_lb.health.observation import Observation
from cluster_lb.health.tally import Tally
from cluster_lb.health.voting import REFRESH_S, Cast, Voting
from cluster_lb.health.watch import Probe, Surroundings, Watch
from cluster_lb.model.availability import AdminState
from cluster_lb.model.server import Server
from cluster_lb.model.verdict import Vote
from cluster_lb.settings.schema import HealthSettings
from cluster_lb.tasks import TaskSet

_log = structlog.get_logger("health")

OnLocal = Callable[[str, str, bool, str], None]  # (pool, server id, reachable, reason)

MAX_PROBES = 256  # at once, so that probes leave descriptors to the data path (common soft limit: 1024)
WARN_EVERY_S = 10.0  # "this machine cannot probe", at most so often


class Prober:
    """Probes the servers that fall to this node. An async context manager: it probes while it is open.

    `cast(pool, votes)` takes votes to the store and may raise StoreError; `on_local(pool, server_id,
    reachable, reason)` hears this node's own tally.
    """

    def __init__(
        self,
        node_id: str,
        *,
        probe: Probe,
        cast: Cast,
        on_local: OnLocal,
        clock: Clock,
        random: Random,
        refresh_s: float = REFRESH_S,
    ) -> None:
        self._node_id = node_id
        self._on_local = on_local
        self._clock = clock
        self._around = Surroundings(probe, asyncio.Semaphore(MAX_PROBES), clock, random)
        self._voting = Voting(cast, clock, random, refresh_s=refresh_s)
        self._members: frozenset[str] = frozenset()
        self._pools: dict[str, _Pool] = {}
        self._tasks = TaskSet()
        self._next_warning = 0.0

    async def __aenter__(self) -> Self:
        self._tasks.start(self._voting.run(), "voting")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tasks.stop()

    def update(
        self, pool: str, servers: Iterable[Server], settings: HealthSettings, dial: Dial | None = None
    ) -> None:
        """`servers` are all of the pool from now on; `dial`: how they are spoken to; None: plainly."""
        if pool not in self._pools:
            self._pools[pool] = _Pool(Assignment(self._node_id, pool, self._members), settings)
        state = self._pools[pool]
        state.settings = settings
        state.dial = dial
        state.servers = {} if settings.kind == "none" else _to_be_probed(servers)
        state.assignment.update_servers(state.servers, settings.probers)
        self._review(pool, state)

    def update_members(self, members: Collection[str]) -> None:
        """The ids of the live members; none: this node probes every server."""
        if frozenset(members) == self._members:
            return  # told again with each renewed lease
        self._members = frozenset(members)
        for pool, state in self._pools.items():
            state.assignment.update_members(self._members)
            self._review(pool, state)

    def watched(self, pool: str) -> frozenset[str]:
        """The ids of the servers that this node probes now."""
        state = self._pools.get(pool)
        return frozenset(state.watches) if state else frozenset()

    def _review(self, pool: str, state: _Pool) -> None:
        mine = state.assignment.mine()
        for server_id in state.watches.keys() - mine.keys():
            self._drop(pool, state, server_id, "not probed by this node any more")
        for server_id, phase in mine.items():
            self._keep(pool, state, state.servers[server_id], phase)

    def _keep(self, pool: str, state: _Pool, server: Server, phase: float) -> None:
        """Watch the server, through a running watch if that sends the probes that are wanted."""
        running = state.watches.get(server.id)
        if running and running.probes_like(server, state.settings, state.dial):
            return
        up = True
        if running and running.server.address == server.address:
            up = running.tally.up
            running.stop()
        elif running:
            self._drop(pool, state, server.id, "has a new address")
        settings = state.settings
        tally = Tally(settings.rise, settings.fall, up=up)
        watch = Watch(pool, server, settings, phase, tally, self._heard, state.dial)
        watch.task = self._tasks.start(watch.run(self._around), f"watch {pool}/{server.id}")
        state.watches[server.id] = watch

    def _drop(self, pool: str, state: _Pool, server_id: str, reason: str) -> None:
        watch = state.watches.pop(server_id)
        watch.stop()
        self._voting.forget(pool, server_id)
        if not watch.tally.up:
            self._on_local(pool, server_id, True, reason)

    def _heard(self, watch: Watch, observation: Observation, flipped: bool) -> None:
        if not observation.conclusive:
            self._warn(observation)
        elif observation.ok is watch.tally.up:
            reason = observation.reason
            self._voting.vote(watch.pool, watch.server.id, Vote(watch.tally.health, reason))
            if flipped:
                self._on_local(watch.pool, watch.server.id, watch.tally.up, reason)

    def _warn(self, observation: Observation) -> None:
        now = self._clock.monotonic()
        if now >= self._next_warning:
            self._next_warning = now + WARN_EVERY_S
            _log.warning("this machine cannot probe; opinions stay as they are", reason=observation.reason)


class _Pool:
    """What the prober knows of one pool: the servers to be probed, and the watches of this node."""

    def __init__(self, assignment: Assignment, settings: HealthSettings) -> None:
        self.assignment = assignment
        self.settings = settings
        self.dial: Dial | None = None
        self.servers: dict[str, Server] = {}
        self.watches: dict[str, Watch] = {}


def _to_be_probed(servers: Iterable[Server]) -> dict[str, Server]:
    return {server.id: server for server in servers if server.admin_state is not AdminState.MAINT}
