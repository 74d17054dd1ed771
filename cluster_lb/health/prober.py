"""The prober of a node: which servers it probes as pools and members change, and what follows of a result.

Probe -> observation -> tally -> vote (`Voting`) -> verdict (the store). At a flip of its own tally the node
also tells its overlay, so that health works while Redis is away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from random import Random
from typing import Any, Self, TypeVar

import structlog

from cluster_lb.clock import Clock
from cluster_lb.dial import Dial
from cluster_lb.errors import StoreError
from cluster_lb.health.agent_watch import AgentWatch
from cluster_lb.health.agent_words import Words
from cluster_lb.health.assignment import Assignment
from cluster_lb.health.observation import Observation
from cluster_lb.health.probe_watch import Probe, ProbeWatch
from cluster_lb.health.rhythm import Rhythm
from cluster_lb.health.tally import Tally
from cluster_lb.health.voting import REFRESH_S, Cast, Voting
from cluster_lb.health.watch import Watch
from cluster_lb.model.advice import Advice
from cluster_lb.model.availability import AdminState, Health
from cluster_lb.model.server import Server
from cluster_lb.model.verdict import Vote
from cluster_lb.settings.health import HealthSettings
from cluster_lb.tasks import TaskSet

_log = structlog.get_logger("health")

W = TypeVar("W", bound=Watch[Any])

#: (pool, server id, what its agent said, what is known of that already)
Advise = Callable[[str, str, Advice, Advice], Awaitable[None]]
OnLocal = Callable[[str, str, bool, str], None]  # (pool, server id, reachable, reason)

MAX_PROBES = 256  # at once, so that probes leave descriptors to the data path (common soft limit: 1024)
WARN_EVERY_S = 10.0  # "this machine cannot probe", at most so often


class Prober:
    """Probes the servers that fall to this node. An async context manager: it probes while it is open.

    `cast(pool, votes)` takes votes to the store and may raise StoreError, and so does `advise` with the words
    of agents; `on_local(pool, server_id, reachable, reason)` hears what this node itself finds.
    """

    def __init__(
        self,
        node_id: str,
        *,
        probe: Probe,
        cast: Cast,
        advise: Advise,
        on_local: OnLocal,
        clock: Clock,
        random: Random,
        refresh_s: float = REFRESH_S,
    ) -> None:
        self.on_observation: list[Callable[[str, str, Observation], None]] = []  # with pool and server id
        self._node_id = node_id
        self._advise = advise
        self._on_local = on_local
        self._clock = clock
        self._random = random
        self._probe = probe
        self._slots = asyncio.Semaphore(MAX_PROBES)
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
        state.servers = _to_be_probed(servers) if settings.judges else {}
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
        """The ids of the servers that this node looks after now."""
        state = self._pools.get(pool)
        return state.watched if state else frozenset()

    def _review(self, pool: str, state: _Pool) -> None:
        mine = state.assignment.mine()
        for server_id in state.watched - mine.keys():
            self._drop(pool, state, server_id, "not probed by this node any more")
        for server_id, phase in mine.items():
            server = state.servers[server_id]
            if state.moved(server):
                self._drop(pool, state, server_id, "has a new address")
            self._keep_probes(pool, state, server, phase)
            self._keep_agent(pool, state, server, phase)

    def _keep_probes(self, pool: str, state: _Pool, server: Server, phase: float) -> None:
        """Probe the server, if probes are wanted; a watch that sends those already goes on."""
        running, settings = state.probes.get(server.id), state.settings
        if running and running.goes_on(server, settings, state.dial, phase):
            return
        state.probes.pop(server.id, None)
        if settings.kind != "none":
            # Who takes a server over goes on from what all found.
            up = running.tally.up if running else server.health is not Health.DOWN
            tally, rhythm = Tally(settings.rise, settings.fall, up=up), self._rhythm(phase)
            watch = ProbeWatch(pool, server, settings, rhythm, state.dial, tally, self._probe, self._heard)
            state.probes[server.id] = self._started(watch)

    def _keep_agent(self, pool: str, state: _Pool, server: Server, phase: float) -> None:
        """The same for its agent."""
        running, settings = state.agents.get(server.id), state.settings.agent
        if running and running.goes_on(server, settings, None, phase):
            return
        state.agents.pop(server.id, None)
        if settings.port:
            opinion = running.opinion if running else None
            rhythm = self._rhythm(phase)
            watch = AgentWatch(pool, server, settings, rhythm, None, self._heard_agent, opinion=opinion)
            state.agents[server.id] = self._started(watch)

    def _rhythm(self, phase: float) -> Rhythm:
        return Rhythm(phase, self._clock, self._random)

    def _started(self, watch: W) -> W:
        name = f"{type(watch).__name__} {watch.pool}/{watch.server.id}"
        watch.task = self._tasks.start(watch.run(self._slots), name)
        return watch

    def _drop(self, pool: str, state: _Pool, server_id: str, reason: str) -> None:
        for watch in (state.probes.pop(server_id, None), state.agents.pop(server_id, None)):
            if watch is not None:
                watch.stop()
        self._voting.forget(pool, server_id)
        if server_id in state.down:
            state.down.discard(server_id)
            self._on_local(pool, server_id, True, reason)

    def _heard(self, watch: ProbeWatch, observation: Observation) -> None:
        for callback in self.on_observation:
            callback(watch.pool, watch.server.id, observation)
        if observation.conclusive:
            self._judge(watch.pool, watch.server.id)
        else:
            self._warn(observation)

    def _heard_agent(self, agent: AgentWatch, words: Words) -> None:
        pool, server_id = agent.pool, agent.server.id
        self._judge(pool, server_id)
        held = self._pools[pool].servers[server_id].advice
        self._tasks.start(self._note(pool, server_id, words.advice, held), f"words of {pool}/{server_id}")

    def _judge(self, pool: str, server_id: str) -> None:
        """Vote what probes and agent say together; this node's overlay hears of a change."""
        state = self._pools[pool]
        vote = state.opinion(server_id)
        if vote is None:
            return
        self._voting.vote(pool, server_id, vote)
        if (vote.health is Health.DOWN) is not (server_id in state.down):
            state.down ^= {server_id}
            self._on_local(pool, server_id, vote.health is Health.UP, vote.reason)

    async def _note(self, pool: str, server_id: str, advice: Advice, held: Advice) -> None:
        try:
            await self._advise(pool, server_id, advice, held)
        except StoreError as error:  # what the agent says next is noted then
            _log.debug("words of an agent not noted", pool=pool, server=server_id, problem=str(error))

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
        self.probes: dict[str, ProbeWatch] = {}
        self.agents: dict[str, AgentWatch] = {}
        self.down: set[str] = set()  # servers that this node holds down

    @property
    def watched(self) -> frozenset[str]:
        """The ids of the servers that are looked after."""
        return frozenset(self.probes.keys() | self.agents.keys())

    def moved(self, server: Server) -> bool:
        """Whether the server is looked after at another address."""
        running = self.probes.get(server.id) or self.agents.get(server.id)
        return running is not None and running.server.address != server.address

    def opinion(self, server_id: str) -> Vote | None:
        """Down where probes or the agent say so; else what the probes say, or the agent alone."""
        probes, agent = self.probes.get(server_id), self.agents.get(server_id)
        said = [each.opinion for each in (probes, agent) if each is not None and each.opinion is not None]
        down = [opinion for opinion in said if opinion.health is Health.DOWN]
        if down or probes is None or probes.opinion is not None:
            return next(iter(down or said), None)
        return None  # what the agent says well is no reason to call a server up that was not probed yet


def _to_be_probed(servers: Iterable[Server]) -> dict[str, Server]:
    return {server.id: server for server in servers if server.admin_state is not AdminState.MAINT}
