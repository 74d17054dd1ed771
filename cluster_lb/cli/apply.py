"""`cluster-lb apply`: make the cluster's pools and routes those of a file."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from cluster_lb.cli.check import SettingsFile, load_checked
from cluster_lb.cli.connect import open_store
from cluster_lb.settings.load import with_overrides
from cluster_lb.settings.schema import Settings
from cluster_lb.store.pools import PoolConfigs

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
    differences = asyncio.run(_apply(settings))
    for line in differences or ["no differences"]:
        typer.echo(line)


async def _apply(settings: Settings) -> list[str]:
    async with open_store(settings.redis.url, settings.redis.namespace, start=True) as store:
        return await PoolConfigs(store).apply(settings.pools, settings.routes)
