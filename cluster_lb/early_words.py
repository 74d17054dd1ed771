"""Words that take a server out, obeyed before the snapshot that has them is read and compiled.

With 1,000 servers, or a table to hash by, that takes longer than a server that drains should wait. A hint
says at once what is left of the server; a snapshot says it before it is compiled. Either holds until a
snapshot of then, or later, is adopted, which knows the whole. A word only takes out, and never the last one:
what brings servers back, who panics, and which backups join is decided by snapshots alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from cluster_lb.clock import Clock
from cluster_lb.model.availability import Availability
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.proxy.pool import LivePool
from cluster_lb.proxy.pools import LivePools
from cluster_lb.proxy.server import LiveServer
from cluster_lb.store.bus import Hint

WORD_S = 5.0  # a hint whose change Redis lost again (a failover) must not hold for ever

_BY_HEALTH = frozenset({"verdict", "eject"})  # which a pool that panics ignores


@dataclass(frozen=True, slots=True)
class _Word:
    """From `epoch` on a server takes nothing new; `persists`: but what belongs to it. Until `until`,
    monotonic seconds."""

    epoch: int
    persists: bool
    until: float


class EarlyWords:
    """Sets `out` and `lingers` of live servers. `is_unreachable(pool, server id)`: whether this node itself
    cannot use it."""

    def __init__(self, pools: LivePools, is_unreachable: Callable[[str, str], bool], clock: Clock) -> None:
        self._pools = pools
        self._is_unreachable = is_unreachable
        self._clock = clock
        self._words: dict[tuple[str, str], _Word] = {}  # (pool, server id)

    def hear_hint(self, hint: Hint, held: Snapshot) -> None:
        """`held`: the newest snapshot of the hint's pool."""
        if not hint.takes or hint.epoch <= held.epoch or (hint.what in _BY_HEALTH and held.panics):
            return
        if _leaves_some(self._pools.ensure(hint.pool), {hint.server}):
            self._hear(hint.pool, hint.server, hint.epoch, hint.takes == Availability.PERSISTS.value)

    def hear_snapshot(self, snapshot: Snapshot) -> None:
        """It was read, and will be adopted when it is compiled. A server that takes new exchanges in it is
        back at once, as in a panic."""
        pool = self._pools.ensure(snapshot.pool)
        eligible = {server.id for server in snapshot.eligible}
        self._forget([key for key in self._said(pool, snapshot.epoch) if key[1] in eligible])
        lost = {s.id for s in pool.servers.values() if s.id not in eligible and pool.picks_among(s)}
        if not lost or not _leaves_some(pool, lost):
            return
        persistent = {server.id for server in snapshot.persistent}
        for server_id in lost:
            self._hear(pool.name, server_id, snapshot.epoch, server_id in persistent)

    def on_adopted(self, pool: LivePool) -> None:
        """The pool serves a snapshot, which says itself what was said until then."""
        for key in self._said(pool, pool.epoch):
            del self._words[key]
        for server in pool.servers.values():
            self._settle(server)

    def on_tick(self, now: float) -> None:
        """Forget what was not confirmed."""
        self._forget([key for key, word in self._words.items() if word.until <= now])

    def settle(self, pool_name: str, server_id: str) -> None:
        """Let the live server be out, or in, by all that is known."""
        server = self._pools.ensure(pool_name).servers.get(server_id)
        if server is not None:
            self._settle(server)

    def _settle(self, server: LiveServer) -> None:
        word = self._words.get((server.pool.name, server.id))
        unreachable = self._is_unreachable(server.pool.name, server.id)
        server.out = unreachable or word is not None
        server.lingers = word is not None and word.persists and not unreachable

    def _said(self, pool: LivePool, epoch: int) -> list[tuple[str, str]]:
        """What was said of servers of the pool until `epoch`."""
        return [key for key, word in self._words.items() if key[0] == pool.name and word.epoch <= epoch]

    def _forget(self, keys: Iterable[tuple[str, str]]) -> None:
        for key in keys:
            del self._words[key]
            self.settle(*key)

    def _hear(self, pool_name: str, server_id: str, epoch: int, persists: bool) -> None:
        until = self._clock.monotonic() + WORD_S
        before = self._words.get((pool_name, server_id))
        if before is not None:
            persists = persists and before.persists  # the strictest holds
        self._words[pool_name, server_id] = _Word(epoch, persists, until)
        self.settle(pool_name, server_id)


def _leaves_some(pool: LivePool, lost: Collection[str]) -> bool:
    """Whether picks have a server left without these."""
    others = (server for server in pool.servers.values() if server.id not in lost)
    return any(pool.picks_among(server) and not server.out for server in others)
