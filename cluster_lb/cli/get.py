"""`cluster-lb get`: the cluster's state, straight from Redis."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from enum import StrEnum
from typing import Annotated

import typer
from rich.table import Table

from cluster_lb.admin.resources import Json, node_json, pool_json, route_json, servers_json
from cluster_lb.cli.connect import open_store
from cluster_lb.cli.options import Namespace, Redis
from cluster_lb.cli.tables import (
    console,
    nodes_table,
    pools_table,
    routes_table,
    servers_table,
    uncut_console,
)
from cluster_lb.errors import InvalidValueError, NotFoundError
from cluster_lb.model.names import check_pool_name
from cluster_lb.store.client import Store
from cluster_lb.store.membership import Membership
from cluster_lb.store.pools import PoolConfigs
from cluster_lb.store.readings import PoolReading
from cluster_lb.store.registry import Registry


class What(StrEnum):
    pools = "pools"
    servers = "servers"
    nodes = "nodes"
    routes = "routes"


class Form(StrEnum):
    table = "table"
    wide = "wide"
    json = "json"


def get(
    what: Annotated[What, typer.Argument(show_default=False)],
    pool: Annotated[
        str | None, typer.Argument(metavar="[POOL]", help="Only this pool (pools, servers).")
    ] = None,
    form: Annotated[
        Form,
        typer.Option(
            "--output",
            "-o",
            envvar="CLUSTER_LB_GET_OUTPUT",
            help="wide: with votes, and nothing left out; the JSON is the admin API's.",
        ),
    ] = Form.table,
    redis: Redis = "embedded",
    namespace: Namespace = "lb",
) -> None:
    """Show pools, servers, nodes or routes."""
    if pool is not None and what not in (What.pools, What.servers):
        raise InvalidValueError(f"get {what}: takes no pool; leave {pool!r} out")
    items = asyncio.run(_fetch(what, pool, redis, namespace))
    if form is Form.json:
        typer.echo(json.dumps({what.value: items}, indent=2))
    elif items:
        out = uncut_console() if form is Form.wide else console()
        out.print(_TABLES[what](items, out.width, form is Form.wide))
    else:
        typer.echo(f"no {what}", err=True)


async def _fetch(what: What, pool: str | None, redis: str, namespace: str) -> list[Json]:
    async with open_store(redis, namespace) as store:
        return await _SOURCES[what](store, pool)


async def _pools(store: Store, pool: str | None) -> list[Json]:
    return [pool_json(reading) for reading in await read_pools(store, pool)]


async def _servers(store: Store, pool: str | None) -> list[Json]:
    return [server for reading in await read_pools(store, pool) for server in servers_json(reading)]


async def _nodes(store: Store, _: str | None) -> list[Json]:
    return [node_json(member) for member in await Membership(store).members()]


async def _routes(store: Store, _: str | None) -> list[Json]:
    return [route_json(route) for route in (await PoolConfigs(store).routes())[1]]


async def read_pools(store: Store, only: str | None = None) -> list[PoolReading]:
    """All pools in the order of their names, or one. Raises NotFoundError when that does not exist."""
    registry = Registry(store)
    names = await registry.pool_names() if only is None else [check_pool_name(only)]
    readings = [reading for name in names if (reading := await registry.read_pool(name))]
    if only is not None and not readings:
        raise NotFoundError(f"pool {only!r}: the cluster has no pool of this name")
    return readings


_SOURCES: dict[What, Callable[[Store, str | None], Awaitable[list[Json]]]] = {
    What.pools: _pools,
    What.servers: _servers,
    What.nodes: _nodes,
    What.routes: _routes,
}
# what -> (items, width of the terminal, wide) -> table
_TABLES: dict[What, Callable[[Iterable[Json], int, bool], Table]] = {
    What.pools: lambda pools, *_: pools_table(pools),
    What.servers: lambda servers, width, wide: servers_table(servers, width=width, wide=wide),
    What.nodes: lambda nodes, width, _: nodes_table(nodes, width),
    What.routes: lambda routes, *_: routes_table(routes),
}
