"""A pool to register in: a namespace of the test's own on a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import pytest

from cluster_lb.model.server import Server
from cluster_lb.store.client import Store
from cluster_lb.store.registry import Registry
from tests.doubles.redis_servers import RedisServer


@dataclass
class Pool:
    """The pool `web` as the nodes see it, and what a registration needs to get there."""

    url: str
    namespace: str
    store: Store

    @property
    def redis(self) -> dict[str, str]:
        return {"redis": self.url, "namespace": self.namespace}

    async def servers(self) -> dict[str, Server]:
        reading = await Registry(self.store).read_pool("web")
        return {server.id: server for server in reading.snapshot.servers} if reading else {}

    async def allow(self, network: str) -> None:
        """Let only addresses of `network` register."""
        await self.store.call("HSET", self.store.keys.pool("web").config, "allow", f'["{network}"]')


@pytest.fixture
async def pool(shared_server: RedisServer) -> AsyncIterator[Pool]:
    """A pool on a server that runs all the time."""
    namespace = f"test-{uuid4().hex[:12]}"
    async with Store.from_url(shared_server.url, namespace, command_timeout_s=5.0) as store:
        yield Pool(shared_server.url, namespace, store)


@pytest.fixture
async def own_pool(own_server: RedisServer) -> AsyncIterator[Pool]:
    """A pool on a server to freeze and kill."""
    async with Store.from_url(own_server.url, command_timeout_s=5.0) as store:
        yield Pool(own_server.url, "lb", store)
