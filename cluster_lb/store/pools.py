"""The cluster's configuration: settings of the pools, and the routing table."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from typing import Literal

from cluster_lb.settings.routes import RouteSettings
from cluster_lb.settings.schema import PoolSettings
from cluster_lb.store.client import Store
from cluster_lb.store.foreign import UNREADABLE
from cluster_lb.store.pool_fields import from_fields, shown, to_fields
from cluster_lb.store.route_changes import route_changes
from cluster_lb.store.scripts import load

_WRITE_CONFIG = load("write_config")
_WRITE_ROUTES = load("write_routes")

_REVISION_CHARS = 40  # of the table's text: more than a revision and what stands before it

Routes = tuple[RouteSettings, ...]


class PoolConfigs:
    """What `serve --config` seeds and `apply` replaces. Calls raise StoreUnavailableError or StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def seed(self, pools: Mapping[str, PoolSettings], routes: Sequence[RouteSettings]) -> list[str]:
        """Give the cluster the pools and routes that it does not have. Returns a line for each way in which
        those that it has differ: they stay as they are."""
        for pool, settings in pools.items():
            await self._write(pool, settings, "seed")
        if routes:
            await self._write_routes(routes, "seed")
        return await self._differences(pools, routes, whole=False)

    async def apply(self, pools: Mapping[str, PoolSettings], routes: Sequence[RouteSettings]) -> list[str]:
        """Make the cluster's configuration this one; returns a line for each change. Each pool changes as
        a whole. A configured pool that is not in `pools` goes back to the defaults; it stays a pool."""
        wanted = {pool: PoolSettings() for pool in await self._configured()} | dict(pools)
        differences = await self._differences(wanted, routes, whole=True)
        for pool, settings in wanted.items():
            current, revision = await self._read(pool)
            if current != settings or revision == 0:
                await self._write(pool, settings, "apply")
        if (await self.routes())[1] != tuple(routes):
            await self._write_routes(routes, "apply")
        return differences

    async def routes(self) -> tuple[int, Routes]:
        """The routing table in force, with its revision; 0 when there is none."""
        text = await self._store.call("GET", self._store.keys.routes)
        # In a thread: with 1,000 routes it takes tens of ms, and traffic runs in this one.
        return await asyncio.to_thread(parse_routes, text)

    async def routes_revision(self) -> int:
        """The same revision without the table; 0 when there is none, or it is none of ours."""
        text = await self._store.call("GETRANGE", self._store.keys.routes, 0, _REVISION_CHARS)
        found = re.match(r'\{"revision": ?(\d+),', text)
        return int(found[1]) if found else 0

    async def restore_routes(self, revision: int, routes: Sequence[RouteSettings]) -> None:
        """Give the routing table back to a Redis that has an older one, or none."""
        await self._write_routes(routes, "restore", revision)

    async def restore_names(self, pools: Sequence[str]) -> None:
        """Give the names of pools back to a Redis that lost them."""
        await self._store.call("SADD", self._store.keys.pools, *pools)

    async def _configured(self) -> list[str]:
        names = sorted(await self._store.call("SMEMBERS", self._store.keys.pools))
        return [pool for pool in names if (await self._read(pool))[1] > 0]

    async def _read(self, pool: str) -> tuple[PoolSettings, int]:
        fields = await self._store.call("HGETALL", self._store.keys.pool(pool).config)
        revision = fields.get("revision", "0")
        return from_fields(fields)[0], int(revision) if revision.isdecimal() else 0

    async def _write(self, pool: str, settings: PoolSettings, mode: Literal["apply", "seed"]) -> None:
        keys = self._store.keys.pool(pool)
        await self._store.run(
            _WRITE_CONFIG,
            [keys.config, keys.epoch, keys.servers, keys.server_prefix, keys.verdicts],
            [self._store.keys.events, pool, mode, json.dumps(to_fields(settings))],
        )
        await self._store.call("SADD", self._store.keys.pools, pool)

    async def _write_routes(
        self, routes: Sequence[RouteSettings], mode: Literal["apply", "seed", "restore"], revision: int = 0
    ) -> None:
        text = json.dumps([route.model_dump(mode="json", exclude_defaults=True) for route in routes])
        await self._store.run(
            _WRITE_ROUTES, [self._store.keys.routes], [self._store.keys.events, mode, text, revision]
        )

    async def _differences(
        self, pools: Mapping[str, PoolSettings], routes: Sequence[RouteSettings], *, whole: bool
    ) -> list[str]:
        lines: list[str] = []
        for pool, settings in pools.items():
            current, revision = await self._read(pool)
            if revision == 0 and whole:
                lines.append(f"pools.{pool}: new")
            lines += _changes(f"pools.{pool}", to_fields(current), to_fields(settings))
        in_force = (await self.routes())[1]
        if routes or whole:
            lines += route_changes(in_force, routes)
        return lines


def parse_routes(text: str | None) -> tuple[int, Routes]:
    """What the string in Redis means; (0, ()) when it is absent or foreign."""
    try:
        table = json.loads(text or '{"revision":0,"routes":[]}')
        return int(table["revision"]), tuple(RouteSettings.model_validate(item) for item in table["routes"])
    except UNREADABLE:
        return 0, ()


def _changes(path: str, before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return [
        f"{path}.{name}: {shown(name, before.get(name))} -> {shown(name, text)}"
        for name, text in after.items()
        if before.get(name) != text
    ]
