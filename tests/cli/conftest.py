"""The command line on a real, empty Valkey."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from cluster_lb.cli import main
from cluster_lb.model.address import Address
from cluster_lb.model.server import ServerRecord
from cluster_lb.store.client import Store
from cluster_lb.store.registry import Registry
from tests.doubles.logs import logging_restored
from tests.doubles.redis_servers import ask


@dataclass
class Ended:
    """How a command ended; `out` and `err` as lists of lines."""

    code: int
    out: list[str]
    err: list[str]


@pytest.fixture
def redis(shared_server, monkeypatch) -> str:
    """The URL of an empty server, which commands take from their environment."""
    for name in [name for name in os.environ if name.startswith("CLUSTER_LB_")]:
        monkeypatch.delenv(name)
    ask(shared_server.port, "FLUSHALL")
    monkeypatch.setenv("CLUSTER_LB_REDIS", shared_server.url)
    return shared_server.url


@pytest.fixture
def cluster_lb(capsys) -> Callable[..., Ended]:
    """Run a command in this process."""

    def run(*arguments: str) -> Ended:
        capsys.readouterr()
        with logging_restored(), pytest.raises(SystemExit) as ended:
            main(list(arguments))
        out, err = capsys.readouterr()
        return Ended(int(ended.value.code or 0), out.splitlines(), err.splitlines())

    return run


@pytest.fixture
def store(redis) -> Callable[[Callable[[Store], Awaitable[Any]]], Any]:
    """Run a coroutine function on a store of its own."""

    def run(use: Callable[[Store], Awaitable[Any]]) -> Any:
        async def on_store() -> Any:
            async with Store.from_url(redis, command_timeout_s=5.0) as store:
                return await use(store)

        return asyncio.run(on_store())

    return run


@pytest.fixture
def register(store) -> Callable[..., None]:
    """Register a server as if it did so itself."""

    def register(server_id: str, weight: int = 1, pool: str = "web", port: int = 8000) -> None:
        record = ServerRecord(server_id, Address("10.0.0.1", port), weight)
        store(lambda store: Registry(store).register(pool, record, ttl_ms=60_000))

    return register
