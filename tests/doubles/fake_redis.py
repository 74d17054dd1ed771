"""Stores on fakeredis."""

from __future__ import annotations

from fakeredis import FakeAsyncRedis, FakeServer

from cluster_lb.store.client import Store


def store_on(server: FakeServer) -> Store:
    """A store whose Redis is `server`. A busy machine may take long to answer as one."""
    return Store(lambda: FakeAsyncRedis(server=server, decode_responses=True), command_timeout_s=5.0)
