"""What the nodes say of the cluster, asked of one that answers: also with Redis frozen or a node gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from cluster_lb.demo.cluster import DemoCluster
from cluster_lb.errors import ClusterLBError

START_S = 60.0  # for Redis, nodes and servers together; a slow laptop takes 5 s
_POLL_S = 0.1
# A node with a frozen Redis answers from its own copy when the command timeout (0.5 s) is over.
_TIMEOUT = aiohttp.ClientTimeout(total=3.0)


@dataclass(frozen=True, slots=True)
class Sight:
    """The cluster as one node sees it. `servers` and `nodes` are the admin API's, by id."""

    epoch: int = -1
    age_s: float = 0.0
    servers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    nodes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def settled(self) -> bool:
        """Whether all living nodes serve this epoch."""
        return bool(self.nodes) and all(
            node["epochs"].get("web") == self.epoch for node in self.nodes.values()
        )

    @property
    def shares(self) -> Mapping[str, float]:
        """Server id -> its exact share of new requests."""
        return {server_id: float(server["share"]) for server_id, server in self.servers.items()}


class Watch:
    """Looks at `cluster` through `session`."""

    def __init__(self, cluster: DemoCluster, session: aiohttp.ClientSession) -> None:
        self._cluster = cluster
        self._session = session

    async def look(self) -> Sight | None:
        """What the first node that answers says; None when none does."""
        for node in self._cluster.nodes.values():
            if node.child.runs and (sight := await self._ask(node.admin_url)):
                return sight
        return None

    async def until(self, condition: Callable[[Sight], bool], what: str) -> Sight:
        """The first sight that is as wanted. ClusterLBError when a process ends, or it takes too long."""
        deadline = time.monotonic() + START_S
        while True:
            sight = await self.look()
            if sight and condition(sight):
                return sight
            self._cluster.check()
            if time.monotonic() > deadline:
                raise ClusterLBError(f"not within {START_S:g} s: {what}; last seen: {sight}")
            await asyncio.sleep(_POLL_S)

    async def ready(self, *, healthy: bool) -> Sight:
        """Wait until all nodes serve all servers; `healthy`: and probes have found each of them up, so that
        nothing changes from here on."""
        await asyncio.gather(*map(self._serves, self._cluster.nodes))
        return await self.until(
            lambda sight: (
                sight.settled
                and set(sight.nodes) == set(self._cluster.nodes)
                and set(sight.servers) == set(self._cluster.servers)
                and (not healthy or all(server["health"] == "UP" for server in sight.servers.values()))
            ),
            "all nodes serve all servers",
        )

    async def _serves(self, node_id: str) -> None:
        url = self._cluster.nodes[node_id].admin_url + "/readyz"
        deadline = time.monotonic() + START_S
        while await self._json(url) is None:
            self._cluster.check()
            if time.monotonic() > deadline:
                raise ClusterLBError(f"{node_id} is not ready within {START_S:g} s")
            await asyncio.sleep(_POLL_S)

    async def _ask(self, admin_url: str) -> Sight | None:
        pool, nodes = await asyncio.gather(
            self._json(f"{admin_url}/v1/pools/web"), self._json(f"{admin_url}/v1/nodes")
        )
        if pool is None or nodes is None:
            return None
        return Sight(
            epoch=pool["epoch"],
            age_s=nodes["age_s"] or 0.0,
            servers={server["id"]: server for server in pool["servers"]},
            nodes={node["id"]: node for node in nodes["nodes"]},
        )

    async def _json(self, url: str) -> Any:
        """What the URL answers; None when there is no answer, or it is an error."""
        try:
            async with self._session.get(url, timeout=_TIMEOUT, raise_for_status=True) as response:
                return await response.json()
        except (aiohttp.ClientError, TimeoutError):
            return None
