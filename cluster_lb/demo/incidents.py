"""What goes wrong in the demo, and when: one server and one node killed, Redis frozen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle

from cluster_lb.demo.cluster import DemoCluster

CYCLE_S = 40.0  # one round of everything, where the demo lasts long enough


@dataclass(frozen=True, slots=True)
class Incident:
    """`at`: when in its round (0..1); `happen` does it and says in one line what it did."""

    at: float
    happen: Callable[[], str]


class Incidents:
    """Rounds of incidents on `cluster`; `tell` hears of each. Another server and node each round."""

    def __init__(self, cluster: DemoCluster, tell: Callable[[str], None]) -> None:
        self._cluster = cluster
        self._tell = tell
        # Not the first node: it gets most of the traffic, and its admin address is the one people look at.
        self._nodes = cycle([*cluster.nodes][1:] or [*cluster.nodes])
        self._servers = cycle([*cluster.servers][1:] or [*cluster.servers])

    async def run(self, duration_s: float | None) -> None:
        """Whole rounds that fill `duration_s`; None: round after round."""
        rounds = None if duration_s is None else max(1, round(duration_s / CYCLE_S))
        length_s = CYCLE_S if duration_s is None or rounds is None else duration_s / rounds
        done = 0
        while done != rounds:
            await self._round(length_s)
            done += 1

    async def _round(self, length_s: float) -> None:
        began = time.monotonic()
        for incident in self._plan():
            await asyncio.sleep(began + incident.at * length_s - time.monotonic())
            self._tell(incident.happen())
        await asyncio.sleep(began + length_s - time.monotonic())

    def _plan(self) -> Iterator[Incident]:
        """In a round of 40 s a killed server is gone for 8 s, longer than its lease (6 s); so is a node,
        whose lease is 5 s."""
        node, server = next(self._nodes), next(self._servers)
        yield Incident(0.10, lambda: self._kill_server(server))
        yield Incident(0.30, lambda: self._restart_server(server))
        yield Incident(0.40, lambda: self._kill_node(node))
        yield Incident(0.60, lambda: self._restart_node(node))
        yield Incident(0.70, self._freeze_redis)
        yield Incident(0.85, self._thaw_redis)

    def _kill_server(self, server_id: str) -> str:
        server = self._cluster.servers[server_id].child
        server.kill()
        return f"killed server {server_id} (SIGKILL, pid {server.pid})"

    def _restart_server(self, server_id: str) -> str:
        self._cluster.start_server(server_id)
        return f"started server {server_id} again: it registers itself"

    def _kill_node(self, node_id: str) -> str:
        node = self._cluster.nodes[node_id].child
        node.kill()
        return f"killed {node_id} (SIGKILL, pid {node.pid}): clients go to the other nodes"

    def _restart_node(self, node_id: str) -> str:
        self._cluster.start_node(node_id)
        return f"started {node_id} again: it joins by itself"

    def _freeze_redis(self) -> str:
        self._cluster.freeze_redis()
        return f"froze Redis (SIGSTOP, pid {self._cluster.redis.pid}): nodes go on from what they know"

    def _thaw_redis(self) -> str:
        self._cluster.thaw_redis()
        return "Redis goes on (SIGCONT)"
