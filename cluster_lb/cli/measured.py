"""What the nodes served, read from their metrics: the measured share beside the exact one."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from cluster_lb.admin.resources import Json
from cluster_lb.cli.tables import Measured

_TIMEOUT_S = 1.0
_REQUESTS = "cluster_lb_requests"

#: (pool, server id) -> exchanges since the node started
Counts = Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Sample:
    """What the nodes had served at one moment, by node id; a node that did not answer is left out."""

    nodes: Mapping[str, Counts] = field(default_factory=dict)

    def since(self, before: Sample) -> Measured:
        """Shares of what was served between the two, of the nodes that are in both. A pool that served
        nothing is left out; so is a server whose node started anew."""
        served: Counter[tuple[str, str]] = Counter()
        for node, counts in self.nodes.items():
            if node in before.nodes:
                for key, count in counts.items():
                    served[key] += max(0, count - before.nodes[node].get(key, 0))
        totals: Counter[str] = Counter()
        for (pool, _), count in served.items():
            totals[pool] += count
        return {key: count / totals[key[0]] for key, count in served.items() if totals[key[0]]}


async def sample(session: aiohttp.ClientSession, nodes: Iterable[Json]) -> Sample:
    """Ask all nodes at once; `nodes` as the admin API shows them."""
    asked = {node["id"]: node["admin"] for node in nodes if node["admin"]}
    answers = await asyncio.gather(*(_scrape(session, address) for address in asked.values()))
    return Sample({node: counts for node, counts in zip(asked, answers, strict=True) if counts is not None})


async def _scrape(session: aiohttp.ClientSession, address: str) -> Counts | None:
    """None when the node cannot be reached from here: its admin address may be its own loopback."""
    try:
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        async with session.get(f"http://{address}/metrics", timeout=timeout, raise_for_status=True) as answer:
            return requests_in(await answer.text())
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None


def requests_in(metrics: str) -> Counts:
    """Exchanges by pool and server, over all status classes. ValueError when the text is no metrics."""
    counts: Counter[tuple[str, str]] = Counter()
    for family in text_string_to_metric_families(metrics):
        if family.name == _REQUESTS:
            for one in family.samples:
                counts[one.labels["pool"], one.labels["server"]] += int(one.value)
    return counts
