"""Gives a pool back to a Redis that came back empty, older, or with the pool made anew."""

from __future__ import annotations

import json

import structlog

from cluster_lb.store.client import Store
from cluster_lb.store.readings import PoolReading
from cluster_lb.store.scripts import load

_log = structlog.get_logger("store")
_SEED = load("seed_pool")


def needs_seeding(known: PoolReading, found: PoolReading | None) -> bool:
    """Whether Redis forgot something that this node knows.

    The pool is gone, younger than the known one, or at a lower epoch; or another node gave it back (a
    higher `seeds`), so that this one adds what only it may know.
    """
    if found is None or _is_older(known, found):
        return True
    return found.created_ms < known.created_ms or found.seeds > known.seeds


def _is_older(known: PoolReading, found: PoolReading) -> bool:
    return found.created_ms > known.created_ms or found.epoch < known.epoch


async def seed_pool(store: Store, known: PoolReading, found: PoolReading | None) -> None:
    """Merge what `known` holds into Redis, where `found` is. Doing it again, or from several nodes at once,
    changes nothing more."""
    if found is None or _is_older(known, found):
        _log.warning("redis forgot a pool", pool=known.pool, servers=len(known.snapshot.servers))
        seeds = known.seeds + 1
    else:
        seeds = found.seeds
    keys = store.keys.pool(known.pool)
    await store.run(
        _SEED,
        [keys.config, keys.epoch, keys.servers, keys.server_prefix, keys.verdicts, keys.sweep],
        [store.keys.events, known.pool, json.dumps(_what_is_known(known)), seeds],
    )


def _what_is_known(known: PoolReading) -> dict[str, object]:
    parts = {name: known.raw[name] or {} for name in ("config", "servers", "verdicts")}
    return {"epoch": known.epoch, **parts}
