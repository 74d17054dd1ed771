"""Stores to test with: on fakeredis and on a real server, empty for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from fakeredis import FakeServer

from cluster_lb.store.client import Store
from tests.doubles.fake_redis import store_on
from tests.doubles.redis_servers import RedisServer, running


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One real Valkey for all tests that leave it as it is."""
    with running(RedisServer(tmp_path_factory.mktemp("valkey"))) as server:
        yield server


@pytest.fixture
async def real_store(shared_server: RedisServer) -> AsyncIterator[Store]:
    """A store on a real, empty server."""
    async with Store.from_url(shared_server.url, command_timeout_s=5.0) as store:
        await store.call("FLUSHALL")
        yield store


@pytest.fixture
async def fake_store() -> AsyncIterator[Store]:
    """A store on an empty fakeredis."""
    server = FakeServer()
    async with store_on(server) as store:
        yield store


@pytest.fixture(params=["fakeredis", "valkey"])
def store(request: pytest.FixtureRequest) -> Store:
    """The same test on both."""
    found: Store = request.getfixturevalue({"fakeredis": "fake_store", "valkey": "real_store"}[request.param])
    return found
