"""The secret of a pool's sticky cookies: an operator's, else one that the first node to need it makes.

It lies beside the settings, so that it is the same on every node, outlives them, and is given back to a
Redis that forgot it; the one that held before an operator's change is still taken.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING

from cluster_lb.settings.sticky import StickySettings
from cluster_lb.store.client import Store
from cluster_lb.store.scripts import load

if TYPE_CHECKING:
    from cluster_lb.store.readings import PoolReading

_MAKE = load("make_secret")


def secrets_in_force(config: Mapping[str, str], settings: StickySettings) -> tuple[str, ...]:
    """What signs, and what did before; empty where cookies are off, or no secret is there yet."""
    signs = settings.secret.get_secret_value() or config.get("sticky_secret")
    if not settings.enabled or not signs:
        return ()
    before = config.get("sticky_secret_before")
    return (signs, before) if before and before != signs else (signs,)


def needs_secret(reading: PoolReading) -> bool:
    """Whether the pool waits for its first secret."""
    return reading.settings.sticky.enabled and not reading.snapshot.sticky_secrets


async def make_secret(store: Store, pool: str) -> None:
    """Make one, unless another node was quicker."""
    keys = store.keys.pool(pool)
    secret = secrets.token_urlsafe(32)  # bytes: as many as HMAC-SHA-256 makes use of
    await store.run(_MAKE, [keys.config, keys.epoch], [store.keys.events, pool, secret])
