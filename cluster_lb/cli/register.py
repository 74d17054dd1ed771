"""`cluster-lb register`: a registration for a program in any language."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from cluster_lb.cli.options import Namespace, Redis
from cluster_lb.logs import configure_logs
from cluster_lb.sdk.check import CHECK_INTERVAL_S, CHECK_TIMEOUT_S, Check
from cluster_lb.sdk.options import DRAIN_S, TTL_S
from cluster_lb.sdk.registration import Registration
from cluster_lb.sdk.sidecar import Sidecar, hold


def register(
    pool: Annotated[str, typer.Option(envvar="CLUSTER_LB_POOL", help="The pool to serve in.")],
    address: Annotated[
        str,
        typer.Option(envvar="CLUSTER_LB_ADDRESS", metavar="HOST:PORT", help="Where nodes reach the server."),
    ],
    redis: Redis = "embedded",
    namespace: Namespace = "lb",
    id: Annotated[
        str | None, typer.Option(envvar="CLUSTER_LB_ID", help="The server's id; default: its address.")
    ] = None,
    weight: Annotated[
        int, typer.Option(envvar="CLUSTER_LB_WEIGHT", help="0 to 256; 0 takes no new traffic.")
    ] = 1,
    zone: Annotated[str, typer.Option(envvar="CLUSTER_LB_ZONE", help="Where the server is.")] = "",
    priority: Annotated[
        int,
        typer.Option(envvar="CLUSTER_LB_PRIORITY", help="0: a primary; 1 to 128: a backup, the lower first."),
    ] = 0,
    ttl: Annotated[
        float,
        typer.Option(envvar="CLUSTER_LB_TTL", metavar="S", help="Lease; a heartbeat comes each third of it."),
    ] = TTL_S,
    drain: Annotated[
        float,
        typer.Option(envvar="CLUSTER_LB_DRAIN", metavar="S", help="Serve on for so long after the leave."),
    ] = DRAIN_S,
    check: Annotated[
        str | None,
        typer.Option(
            envvar="CLUSTER_LB_CHECK",
            metavar="COMMAND",
            help="Run this again and again: while it fails, the server says that it is down.",
        ),
    ] = None,
    check_interval: Annotated[
        float, typer.Option(envvar="CLUSTER_LB_CHECK_INTERVAL", metavar="S", help="Between two of its runs.")
    ] = CHECK_INTERVAL_S,
    check_timeout: Annotated[
        float, typer.Option(envvar="CLUSTER_LB_CHECK_TIMEOUT", metavar="S", help="Then it is killed.")
    ] = CHECK_TIMEOUT_S,
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- COMMAND ARGS...]", help="Run this, registered while its port answers."),
    ] = None,
) -> None:
    """Register a server and keep it registered: until SIGTERM, or while COMMAND runs.

    On SIGTERM it leaves first, waits for the drain, and only then passes the signal on to COMMAND, whose
    exit code becomes its own.
    """
    registration = Registration(
        pool,
        address,
        redis=redis,
        namespace=namespace,
        id=id,
        weight=weight,
        zone=zone,
        priority=priority,
        ttl_s=ttl,
        drain_s=drain,
    )
    checking = None if check is None else Check.parse(check, check_interval, check_timeout)
    configure_logs("info", "text")  # on standard error: standard output belongs to COMMAND
    if command:
        raise typer.Exit(asyncio.run(Sidecar(registration, command, checking).run()))
    asyncio.run(hold(registration, checking))
