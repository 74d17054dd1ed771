"""`cluster-lb serve`: run a node."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cluster_lb.cli.check import load_checked
from cluster_lb.settings.load import with_overrides
from cluster_lb.settings.schema import Settings


def serve(
    config: Annotated[
        Path | None, typer.Option(help="Settings file (TOML).", envvar="CLUSTER_LB_CONFIG")
    ] = None,
    redis: Annotated[
        str | None,
        typer.Option(help="Redis URL, or `embedded`.", envvar="CLUSTER_LB_REDIS", show_default="embedded"),
    ] = None,
    namespace: Annotated[
        str | None, typer.Option(help="First part of all keys.", envvar="CLUSTER_LB_NAMESPACE")
    ] = None,
    listen: Annotated[
        list[str] | None,
        typer.Option(help="HOST:PORT=POOL; may be repeated.", envvar="CLUSTER_LB_LISTEN"),
    ] = None,
    admin: Annotated[
        str | None, typer.Option(help="HOST:PORT of the admin API.", envvar="CLUSTER_LB_ADMIN")
    ] = None,
    admin_token: Annotated[
        str | None,
        typer.Option(help="What admin clients must present.", envvar="CLUSTER_LB_ADMIN_TOKEN"),
    ] = None,
    id: Annotated[
        str | None, typer.Option(help="Node id.", envvar="CLUSTER_LB_ID", show_default="host name")
    ] = None,
    zone: Annotated[str | None, typer.Option(help="Zone of this node.", envvar="CLUSTER_LB_ZONE")] = None,
    workers: Annotated[
        str | None, typer.Option(help="Worker processes, or `auto`.", envvar="CLUSTER_LB_WORKERS")
    ] = None,
) -> None:
    """Run a node: balance what comes in on the listeners over the pools of the cluster."""
    settings = with_overrides(
        load_checked(config) if config else Settings(),
        redis=redis,
        namespace=namespace,
        listen=listen or (),
        admin=admin,
        admin_token=admin_token,
        id=id,
        zone=zone,
        workers=workers,
    )
    from cluster_lb.process import serve_settings  # here, so that other commands start without the node

    serve_settings(settings)
