"""`cluster-lb server`: what an operator says of a server, for all nodes at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from cluster_lb.cli.connect import open_store
from cluster_lb.cli.options import Namespace, Redis
from cluster_lb.cli.waiting import DEFAULT_TIMEOUT_S, wait_for_nodes
from cluster_lb.errors import NotFoundError
from cluster_lb.model.availability import AdminState
from cluster_lb.settings.policies import UNWEIGHTED
from cluster_lb.store.registry import Registry

server = typer.Typer(
    name="server",
    help="Take a server out of traffic and back, for all nodes.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
)

Pool = Annotated[str, typer.Argument(metavar="POOL", show_default=False)]
ServerId = Annotated[str, typer.Argument(metavar="SERVER", help="The server's id.", show_default=False)]
Wait = Annotated[bool, typer.Option("--wait", help="Return only when every live node follows.")]
Timeout = Annotated[float, typer.Option(metavar="S", min=0, help="How long --wait waits.")]

T = TypeVar("T")


@server.command()
def ready(
    pool: Pool,
    server_id: ServerId,
    wait: Wait = False,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
    redis: Redis = "embedded",
    namespace: Namespace = "lb",
) -> None:
    """Send it traffic again."""
    command = _Command(pool, server_id, timeout if wait else None, redis, namespace)
    command.run(lambda registry: registry.set_admin_state(pool, server_id, AdminState.READY))
    command.say("READY")


@server.command()
def drain(
    pool: Pool,
    server_id: ServerId,
    wait: Wait = False,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
    redis: Redis = "embedded",
    namespace: Namespace = "lb",
) -> None:
    """Send it nothing new; what it has may end. --wait returns when the last of it has ended, on any node."""
    command = _Command(pool, server_id, timeout if wait else None, redis, namespace, must_empty=True)
    command.run(lambda registry: registry.set_admin_state(pool, server_id, AdminState.DRAIN))
    command.say("drained" if wait else "DRAIN")


@server.command()
def maint(
    pool: Pool,
    server_id: ServerId,
    wait: Wait = False,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
    redis: Redis = "embedded",
    namespace: Namespace = "lb",
) -> None:
    """Send it nothing at all, whatever it says of itself. --wait as for drain."""
    command = _Command(pool, server_id, timeout if wait else None, redis, namespace, must_empty=True)
    command.run(lambda registry: registry.set_admin_state(pool, server_id, AdminState.MAINT))
    command.say("MAINT")


@server.command()
def weight(
    pool: Pool,
    server_id: ServerId,
    n: Annotated[
        int, typer.Argument(metavar="N", help="0 to 256; 0 takes no new traffic.", show_default=False)
    ],
    wait: Wait = False,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
    redis: Redis = "embedded",
    namespace: Namespace = "lb",
) -> None:
    """Give it this weight, whatever weight it registers with."""
    command = _Command(pool, server_id, timeout if wait else None, redis, namespace)
    policy = command.run(lambda registry: _set_weight(registry, pool, server_id, n))
    command.say(f"weight {n}")
    if n and policy in UNWEIGHTED:
        typer.echo(f"policy {policy} goes by no weights: this one takes effect with another", err=True)


@server.command()
def remove(
    pool: Pool,
    server_id: ServerId,
    wait: Wait = False,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
    redis: Redis = "embedded",
    namespace: Namespace = "lb",
) -> None:
    """Forget it, and the state and weight that it was given."""
    command = _Command(pool, server_id, timeout if wait else None, redis, namespace)
    returns = command.run(lambda registry: _remove(registry, pool, server_id))
    command.say("removed")
    if returns:
        typer.echo(
            "its lease was alive: if it still runs it comes back with its next heartbeat; "
            f"`cluster-lb server maint {pool} {server_id}` keeps it out of traffic",
            err=True,
        )


async def _set_weight(registry: Registry, pool: str, server_id: str, n: int) -> str:
    """The pool's policy."""
    await registry.set_weight(pool, server_id, n)
    reading = await registry.read_pool(pool)
    return reading.settings.policy if reading else ""


async def _remove(registry: Registry, pool: str, server_id: str) -> bool:
    """Whether the server had a live lease."""
    reading = await registry.read_pool(pool)
    await registry.remove(pool, server_id)
    servers = reading.snapshot.servers if reading else ()
    return any(server.id == server_id and server.lease_ms > 0 for server in servers)


class _Command:
    """One change of one server; `timeout_s`: how long to wait for the nodes, None: not at all."""

    def __init__(
        self,
        pool: str,
        server_id: str,
        timeout_s: float | None,
        redis: str,
        namespace: str,
        *,
        must_empty: bool = False,
    ) -> None:
        self._pool = pool
        self._server_id = server_id
        self._timeout_s = timeout_s
        self._redis = redis
        self._namespace = namespace
        self._must_empty = must_empty

    def run(self, change: Callable[[Registry], Awaitable[T]]) -> T:
        """Make the change, then wait as far as asked for."""
        return asyncio.run(self._run(change))

    async def _run(self, change: Callable[[Registry], Awaitable[T]]) -> T:
        async with open_store(self._redis, self._namespace) as store:
            registry = Registry(store)
            try:
                result = await change(registry)
            except NotFoundError as error:
                raise NotFoundError(
                    f"{error}; `cluster-lb get servers {self._pool}` lists those there are"
                ) from None
            if self._timeout_s is not None:
                await wait_for_nodes(
                    registry, self._pool, self._server_id, self._timeout_s, must_empty=self._must_empty
                )
            return result

    def say(self, result: str) -> None:
        typer.echo(f"{self._pool}/{self._server_id}: {result}")
