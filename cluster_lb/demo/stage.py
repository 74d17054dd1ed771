"""A cluster that starts, what is needed to use it and to look at it; and its end."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from rich.console import Console

from cluster_lb.demo.children import Children
from cluster_lb.demo.client import Client
from cluster_lb.demo.cluster import DemoCluster
from cluster_lb.demo.watch import Watch


@dataclass(frozen=True, slots=True)
class Stage:
    """`client` and `watch` are connected to `cluster`."""

    console: Console
    cluster: DemoCluster
    client: Client
    watch: Watch


@asynccontextmanager
async def staged(console: Console, nodes: int, weights: Mapping[str, int]) -> AsyncIterator[Stage]:
    """Start `nodes` nodes and the servers of `weights`; end all of their processes on the way out."""
    folder = Path(tempfile.mkdtemp(prefix="cluster-lb-demo-"))
    console.print(f"starting {nodes} nodes, {len(weights)} servers and a Valkey; their logs: {folder}")
    with Children(folder) as children:
        cluster = DemoCluster(children, nodes, weights)
        urls = {node.id: node.url for node in cluster.nodes.values()}
        async with aiohttp.ClientSession() as session, Client(urls) as client:
            cluster.start()
            yield Stage(console, cluster, client, Watch(cluster, session))
