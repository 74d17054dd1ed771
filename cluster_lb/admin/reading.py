"""Pools and nodes for an answer: as Redis has them now, or the node's own copies while it does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from cluster_lb.admin.state import AdminState
from cluster_lb.errors import NotFoundError, StoreUnavailableError
from cluster_lb.model.member import Member
from cluster_lb.model.names import check_pool_name
from cluster_lb.store.registry import PoolReading


async def read_pools(state: AdminState) -> tuple[Sequence[PoolReading], float]:
    """All pools in the order of their names, and their age in seconds."""
    try:
        names = await state.registry.pool_names()
        readings = await asyncio.gather(*map(state.registry.read_pool, names))
    except StoreUnavailableError:
        held = state.view.readings
        return [held[name] for name in sorted(held)], state.view.age_s()
    return [reading for reading in readings if reading], 0.0


async def read_pool(state: AdminState, name: str) -> tuple[PoolReading, float]:
    """One pool and its age in seconds. Raises NotFoundError."""
    age_s = 0.0
    try:
        reading = await state.registry.read_pool(check_pool_name(name))
    except StoreUnavailableError:
        reading, age_s = state.view.readings.get(name), state.view.age_s()
    if reading is None:
        raise NotFoundError(f"pool {name!r}: the cluster has no pool of this name")
    return reading, age_s


async def read_members(state: AdminState) -> tuple[Sequence[Member], float]:
    """The live nodes in the order of their ids, and the age of this knowledge in seconds."""
    try:
        return await state.membership.members(), 0.0
    except StoreUnavailableError:
        return state.view.members, state.view.age_s()
