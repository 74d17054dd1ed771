"""The local overlay: servers that this node itself cannot reach, whatever the verdict says.

Probes of other nodes miss a failure of this node's own path. A server is out here while this node's connects
to it fail (reported by the data path, ended by a connect that succeeds), or while its own tally says DOWN. In
a pool that panics health is ignored: there only failed connects count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from random import Random
from typing import Self

import structlog

from cluster_lb.clock import Clock
from cluster_lb.dial import Dial
from cluster_lb.health.tcp_probe import connect
from cluster_lb.model.address import Address
from cluster_lb.model.server import Server
from cluster_lb.tasks import TaskSet

_log = structlog.get_logger("health")

OnChange = Callable[[str, str, bool, str], None]  # (pool, server id, out, reason)

RECHECK_S = 1.0  # between two connects to a server that could not be reached: half a probe interval
RECHECK_TIMEOUT_S = 1.0  # as a probe's


class Overlay:
    """Knows which servers are out for this node. An async context manager: it re-checks while it is open.

    `on_change(pool, server_id, out, reason)` is called in the loop whenever a server goes out or comes back;
    not when it leaves the pool.
    """

    def __init__(
        self, on_change: OnChange, *, clock: Clock, random: Random, recheck_s: float = RECHECK_S
    ) -> None:
        self._on_change = on_change
        self._clock = clock
        self._random = random
        self._recheck_s = recheck_s
        self._pools: dict[str, dict[str, _Reach]] = {}
        self._tasks = TaskSet()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tasks.stop()

    def update(
        self, pool: str, servers: Iterable[Server], *, panics: bool = False, dial: Dial | None = None
    ) -> None:
        """`servers` are all of the pool from now on; `dial`: how they are spoken to. One with a new
        address is in again."""
        before = self._pools.get(pool, {})
        self._pools[pool] = {}
        for server in servers:
            reach = before.pop(server.id, None)
            if reach is None or reach.address != server.address:
                self._pools[pool][server.id] = _Reach(pool, server.id, server.address)
                if reach:
                    self._bring_back(reach, "has a new address")
            else:
                self._pools[pool][server.id] = reach
        for reach in before.values():
            reach.clear()
        for reach in self._pools[pool].values():
            was_out = reach.out
            reach.panics = panics
            reach.dial = dial
            self._tell(reach, was_out, "health is ignored" if panics else "health counts again")

    def is_out(self, pool: str, server_id: str) -> bool:
        """Whether this node should not use the server. False for one that is not known."""
        reach = self._pools.get(pool, {}).get(server_id)
        return reach is not None and reach.out

    def report_unreachable(self, pool: str, server_id: str, reason: str) -> None:
        """A connect failed. Cheap and repeatable: while the server is re-checked already, nothing happens."""
        reach = self._pools.get(pool, {}).get(server_id)
        if reach is None or reach.recheck is not None:
            return
        was_out = reach.out
        reach.recheck = self._tasks.start(self._recheck(reach), f"recheck {pool}/{server_id}")
        self._tell(reach, was_out, reason)

    def hear_tally(self, pool: str, server_id: str, reachable: bool, reason: str) -> None:
        """This node's own tally flipped."""
        reach = self._pools.get(pool, {}).get(server_id)
        if reach is None:
            return
        was_out = reach.out
        reach.tally_down = not reachable
        self._tell(reach, was_out, reason)

    async def _recheck(self, reach: _Reach) -> None:
        observation = None
        while observation is None or not observation.ok:
            await asyncio.sleep(self._recheck_s * self._random.uniform(0.9, 1.1))
            observation = await connect(reach.address, RECHECK_TIMEOUT_S, self._clock, reach.dial)
        was_out = reach.out
        reach.recheck = None
        self._tell(reach, was_out, observation.reason)

    def _bring_back(self, reach: _Reach, reason: str) -> None:
        was_out = reach.out
        reach.clear()
        self._tell(reach, was_out, reason)

    def _tell(self, reach: _Reach, was_out: bool, reason: str) -> None:
        if reach.out is was_out:
            return
        if reach.out:
            _log.warning("server out for this node", pool=reach.pool, server=reach.server_id, reason=reason)
        else:
            _log.info("server back for this node", pool=reach.pool, server=reach.server_id, reason=reason)
        self._on_change(reach.pool, reach.server_id, reach.out, reason)


class _Reach:
    """Whether this node reaches one server, by its own connects and by its own tally."""

    __slots__ = ("address", "dial", "panics", "pool", "recheck", "server_id", "tally_down")

    def __init__(self, pool: str, server_id: str, address: Address) -> None:
        self.pool = pool
        self.server_id = server_id
        self.address = address
        self.recheck: asyncio.Task[None] | None = None  # runs while connects fail
        self.tally_down = False
        self.panics = False
        self.dial: Dial | None = None

    @property
    def out(self) -> bool:
        return self.recheck is not None or (self.tally_down and not self.panics)

    def clear(self) -> None:
        if self.recheck:
            self.recheck.cancel()
            self.recheck = None
        self.tally_down = False
