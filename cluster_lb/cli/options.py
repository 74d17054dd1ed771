"""Options that several commands share; each has its environment variable."""

from __future__ import annotations

from typing import Annotated

import typer

Redis = Annotated[
    str,
    typer.Option(
        envvar="CLUSTER_LB_REDIS",
        metavar="URL",
        help="Redis URL (redis, rediss, unix, redis+sentinel, redis+cluster), or `embedded`.",
    ),
]
Namespace = Annotated[
    str, typer.Option(envvar="CLUSTER_LB_NAMESPACE", metavar="NAME", help="First part of all keys.")
]
