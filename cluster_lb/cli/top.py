"""`cluster-lb top`: the cluster at a glance, renewed each second."""

from __future__ import annotations

import asyncio
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import aiohttp
import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cluster_lb.admin.resources import Json, node_json, pool_json
from cluster_lb.cli.connect import open_store
from cluster_lb.cli.get import read_pools
from cluster_lb.cli.measured import Sample, sample
from cluster_lb.cli.options import Namespace, Redis
from cluster_lb.cli.tables import Measured, console, is_well, nodes_table, pools_table, servers_table
from cluster_lb.errors import StoreUnavailableError
from cluster_lb.store.client import Store
from cluster_lb.store.membership import Membership


def top(
    once: Annotated[bool, typer.Option("--once", help="Print once, and end.")] = False,
    interval: Annotated[float, typer.Option(metavar="S", min=0.1, help="Between two looks.")] = 1.0,
    admin_token: Annotated[
        str, typer.Option(envvar="CLUSTER_LB_ADMIN_TOKEN", help="What the nodes' admin APIs want.")
    ] = "",
    redis: Redis = "embedded",
    namespace: Namespace = "lb",
) -> None:
    """Watch nodes, pools and servers; q or Ctrl-C ends it.

    MEASURED is a server's share of what all reachable nodes served in the last interval, SHARE the exact one.
    """
    asyncio.run(_top(once, interval, admin_token, redis, namespace))


async def _top(once: bool, interval_s: float, admin_token: str, redis: str, namespace: str) -> None:
    headers = {"Authorization": f"Bearer {admin_token}"} if admin_token else {}
    async with open_store(redis, namespace) as store, aiohttp.ClientSession(headers=headers) as session:
        screen = Screen(store, session)
        first = await screen.look()
        if once:
            await asyncio.sleep(interval_s)
            console().print(await screen.look())
            return
        end = asyncio.Event()
        with (
            _ended_by_keys(end),
            Live(first, console=console(), auto_refresh=False, screen=sys.stdout.isatty()) as live,
        ):
            while not await _set_within(end, interval_s):
                live.update(await screen.look(), refresh=True)


class Screen:
    """Looks at the cluster and draws it; keeps the last look for the measured shares."""

    def __init__(self, store: Store, session: aiohttp.ClientSession) -> None:
        self._store = store
        self._session = session
        self._before = Sample()

    async def look(self) -> Group:
        """The cluster now; while Redis does not answer, a line that says so."""
        try:
            nodes = [node_json(member) for member in await Membership(self._store).members()]
            pools = [pool_json(reading) for reading in await read_pools(self._store)]
        except StoreUnavailableError as error:
            return Group(Text(f"{error}; trying again", style="bold red"))
        now = await sample(self._session, nodes)
        measured, self._before = now.since(self._before), now
        return Group(*_parts(nodes, pools, measured, len(now.nodes)))


def _parts(nodes: list[Json], pools: list[Json], measured: Measured, answered: int) -> Iterator[Table | Text]:
    servers = [server for pool in pools for server in pool["servers"]]
    servers.sort(key=is_well)  # the screen may end before the table does
    width = console().width
    yield nodes_table(nodes, width) if nodes else Text("no nodes", style="dim")
    yield Text()
    yield pools_table(pools) if pools else Text("no pools", style="dim")
    yield Text()
    yield servers_table(servers, measured, width) if servers else Text("no servers", style="dim")
    if answered < len(nodes):
        yield Text()
        yield Text(
            f"measured on {answered} of {len(nodes)} nodes: the others' admin addresses do not answer here, "
            "or want another --admin-token",
            style="dim",
        )


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


@contextmanager
def _ended_by_keys(end: asyncio.Event) -> Iterator[None]:
    """Set `end` at q, at Ctrl-C and at SIGTERM; keys are read one by one meanwhile, without an echo."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end.set)
    if not sys.stdin.isatty():
        yield
        return
    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    tty.setcbreak(keyboard)
    loop.add_reader(keyboard, lambda: end.set() if sys.stdin.read(1) in "qQ" else None)
    try:
        yield
    finally:
        loop.remove_reader(keyboard)
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
