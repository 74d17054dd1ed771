"""What traffic sees of a server, for outlier detection: counted on failures alone.

Whether something went well in between is seen by the count of successes having moved, so a request that ends
well costs nothing here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster_lb.model.sample import Run, Sample

if TYPE_CHECKING:
    from cluster_lb.proxy.pools import LivePools

FIRST_5XX = 500
_GATEWAY = frozenset((502, 503, 504))  # Envoy's


class _Count:
    """Failures of one kind in a row, since they were last told."""

    __slots__ = ("broken", "length")

    def __init__(self) -> None:
        self.broken = False
        self.length = 0

    def interrupt(self) -> None:
        self.broken = True
        self.length = 0

    def take(self) -> Run:
        run = Run(self.broken, self.length)
        self.broken = False
        self.length = 0
        return run


class Outcomes:
    """Of one server, on this node, since they were last told. `busy_s`: the time that attempts were in
    flight, added up."""

    __slots__ = ("_fives", "_gateway", "_local", "_successes", "_told", "busy_s", "failed")

    def __init__(self, successes: int) -> None:
        self.busy_s = 0.0
        self.failed = 0
        self._told = self._successes = successes
        self._fives = _Count()
        self._gateway = _Count()
        self._local = _Count()

    def on_5xx(self, status: int, successes: int) -> None:
        """A response of the server; `successes`: exchanges that went well with it until now."""
        self._look_back(successes)
        self.failed += 1
        self._fives.length += 1
        self._local.interrupt()
        if status in _GATEWAY:
            self._gateway.length += 1
        else:
            self._gateway.interrupt()

    def on_local_failure(self, successes: int) -> None:
        """No connection, no answer, no whole one."""
        self._look_back(successes)
        self.failed += 1
        self._local.length += 1

    def take(self, successes: int) -> Sample | None:
        """What is to be told, which counts anew from here; None: nothing happened."""
        self._look_back(successes)
        ok, failed, busy_ms = max(0, successes - self._told), self.failed, round(self.busy_s * 1000)
        if not (ok or failed or busy_ms):
            return None
        self._told = successes
        self.failed = 0
        self.busy_s = 0.0
        return Sample(ok, failed, self._fives.take(), self._gateway.take(), self._local.take(), busy_ms)

    def _look_back(self, successes: int) -> None:
        if successes != self._successes:
            self._successes = successes
            for count in (self._fives, self._gateway, self._local):
                count.interrupt()


class Traffic:
    """The samples of all pools of a node."""

    def __init__(self, pools: LivePools) -> None:
        self._pools = pools

    def look(self, pool: str, elapsed_s: float) -> None:
        """What is in flight now stands for the time since the last look: over an interval these samples make
        a mean latency, and cost requests nothing. Tunnels are no requests."""
        for server in self._pools.ensure(pool).servers.values():
            if server.outcomes is not None:
                server.outcomes.busy_s += (server.load - server.tunnels) * elapsed_s

    def has_failures(self, pool: str) -> bool:
        """Whether there is something to be told soon."""
        servers = self._pools.ensure(pool).servers.values()
        return any(server.outcomes is not None and server.outcomes.failed for server in servers)

    def take_samples(self, pool: str) -> dict[str, Sample]:
        """By server id, where there is something to tell."""
        samples = {}
        for server in self._pools.ensure(pool).servers.values():
            if server.outcomes is not None and (sample := server.outcomes.take(server.successes)):
                samples[server.id] = sample
        return samples
