"""`cluster-lb apply`: make the cluster's pools and routes those of a file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Set
from typing import Annotated

import typer

from cluster_lb.cli.check import SettingsFile, load_checked
from cluster_lb.cli.connect import open_store
from cluster_lb.settings.load import with_overrides
from cluster_lb.settings.routes import RouteSettings
from cluster_lb.settings.schema import Settings
from cluster_lb.store.pools import PoolConfigs
from cluster_lb.store.registry import Registry

_FROM_FILE = "the file's"


def apply(
    file: SettingsFile,
    redis: Annotated[
        str | None,
        typer.Option(
            envvar="CLUSTER_LB_REDIS",
            metavar="URL",
            help="Redis URL, or `embedded`.",
            show_default=_FROM_FILE,
        ),
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option(
            envvar="CLUSTER_LB_NAMESPACE",
            metavar="NAME",
            help="First part of all keys.",
            show_default=_FROM_FILE,
        ),
    ] = None,
) -> None:
    """Replace the pools and routes of the cluster by those of FILE, and print what changed.

    A pool changes as a whole: no node ever sees half of it. A pool that the file leaves out goes back to the
    defaults; its servers stay.
    """
    settings = with_overrides(load_checked(file), redis=redis, namespace=namespace)
    differences, pools = asyncio.run(_apply(settings))
    for line in differences or ["no differences"]:
        typer.echo(line)
    for line in _nowhere(settings.routes, pools):
        typer.echo(line, err=True)


async def _apply(settings: Settings) -> tuple[list[str], set[str]]:
    """What changed, and the pools that there are then."""
    async with open_store(settings.redis.url, settings.redis.namespace, start=True) as store:
        differences = await PoolConfigs(store).apply(settings.pools, settings.routes)
        return differences, set(await Registry(store).pool_names())


def _nowhere(routes: Iterable[RouteSettings], pools: Set[str]) -> Iterator[str]:
    """Routes to pools that there are not: a slip of the pen, or servers that are still to come."""
    for route in routes:
        for pool in sorted({route.pool, route.mirror, *route.pools} - pools - {""}):
            yield f"route {route.label!r}: there is no pool {pool!r} yet; it comes with its first server"
