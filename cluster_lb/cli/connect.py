"""A store for one command: connected, or an error that says to what it could not connect."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cluster_lb.errors import StoreUnavailableError
from cluster_lb.settings.load import with_overrides
from cluster_lb.settings.schema import Settings
from cluster_lb.store import embedded
from cluster_lb.store.client import Store
from cluster_lb.store.url import without_password

# A person waits here, not a request: rather a late answer than none.
_TIMEOUT_S = 5.0


@asynccontextmanager
async def open_store(redis: str, namespace: str, *, start: bool = False) -> AsyncIterator[Store]:
    """A store that has answered. `start`: start the embedded server where none runs yet."""
    settings = with_overrides(Settings(), redis=redis, namespace=namespace).redis
    if start and redis == "embedded":
        await embedded.ensure()
    url = embedded.url() if redis == "embedded" else settings.url
    async with Store.from_url(url, settings.namespace, command_timeout_s=_TIMEOUT_S) as store:
        await _greet(store, redis)
        yield store


async def _greet(store: Store, redis: str) -> None:
    try:
        await store.call("PING")
    except StoreUnavailableError as error:
        if redis == "embedded":
            which = f"the embedded server at {embedded.url()}"
            remedy = "start a node with `cluster-lb serve` if none runs, or name your Redis with --redis"
        else:
            which = f"--redis {without_password(redis)}"
            remedy = "nodes that run serve on, and show what they know at http://NODE:9900/"
        raise StoreUnavailableError(f"{which}: {error}; {remedy}") from None
