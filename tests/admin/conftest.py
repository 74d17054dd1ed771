"""An admin API on a Redis double, and what it is handed."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from aiohttp.test_utils import TestClient, TestServer
from fakeredis import FakeServer

from cluster_lb.admin.app import build_app
from cluster_lb.admin.hub import EventHub
from cluster_lb.admin.sources import MetricsSources
from cluster_lb.admin.state import AdminState
from cluster_lb.model.address import Address
from cluster_lb.model.sample import Run, Sample
from cluster_lb.model.server import ServerRecord
from cluster_lb.model.verdict import Vote
from cluster_lb.settings.schema import HealthSettings, PoolSettings
from cluster_lb.store.client import Store
from cluster_lb.store.membership import Membership
from cluster_lb.store.outliers import Outliers
from cluster_lb.store.registry import Registry
from cluster_lb.store.verdicts import Verdicts
from tests.doubles.fake_redis import store_on
from tests.doubles.node_state import (
    CountedDataPath,
    CountedPassive,
    CountedRateLimit,
    CountedStore,
    CountedTickets,
    HeldView,
)


@dataclass
class Node:
    """A node's admin API with the handles that a test turns."""

    redis: FakeServer
    cluster: Store
    registry: Registry
    membership: Membership
    view: HeldView
    data_path: CountedDataPath
    tickets: dict[str, CountedTickets]
    store: CountedStore
    limits: dict[str, CountedRateLimit]
    passive: CountedPassive
    flips: dict[str, int]
    events: EventHub
    readiness: tuple[bool, str] = (True, "")
    token: str = ""

    async def add(
        self, server_id: str, weight: int = 1, pool: str = "web", port: int = 8000, **record
    ) -> None:
        """Register a server and let the view read its pool."""
        address = Address("10.0.0.1", port)
        await self.registry.register(pool, ServerRecord(server_id, address, weight, **record))
        self.view.readings[pool] = await self.registry.read_pool(pool)

    async def vote(self, node_id: str, settings: HealthSettings | None = None, **votes: Vote) -> None:
        """Have a node vote on servers of `web`."""
        await Verdicts(self.cluster).cast("web", node_id, votes, settings=settings or HealthSettings())

    async def eject(self, server_id: str) -> None:
        """Have a server of `web` ejected for five answers of 500."""
        await self.cluster.call("HSET", "lb:{web}:config", "outliers.enabled", "true")
        sample = Sample(0, 5, Run(False, 5), Run(False, 0), Run(False, 0))
        settings = PoolSettings.model_validate({"outliers": {}})
        await Outliers(self.cluster).judge("n1", "web", settings, {server_id: sample})

    def state(self) -> AdminState:
        return AdminState(
            node_id="n1",
            started_at_ms=1_700_000_000_000,
            view=self.view,
            registry=self.registry,
            membership=self.membership,
            ready=lambda: self.readiness,
            metrics=MetricsSources(
                self.data_path,
                lambda: self.tickets,
                self.store,
                lambda: self.limits,
                self.passive,
                self.flips,
            ),
            events=self.events,
            token=self.token,
        )


@pytest.fixture
async def node():
    server = FakeServer()
    async with store_on(server) as store:
        yield Node(
            redis=server,
            cluster=store,
            registry=Registry(store),
            membership=Membership(store),
            view=HeldView(),
            data_path=CountedDataPath(),
            tickets={},
            store=CountedStore(),
            limits={},
            passive=CountedPassive(),
            flips={},
            events=EventHub(),
        )


@pytest.fixture
async def client(node):
    """Talks to the node's admin API."""
    async with TestClient(TestServer(build_app(node.state()))) as client:
        yield client
