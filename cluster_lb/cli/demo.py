"""`cluster-lb demo`: a cluster at work on this machine, and what goes wrong in life."""

from __future__ import annotations

import asyncio
import signal
from typing import Annotated

import typer

from cluster_lb.cli.tables import console
from cluster_lb.demo.plays import play_incidents, play_volumes
from cluster_lb.demo.stage import staged
from cluster_lb.demo.traffic import Tally
from cluster_lb.errors import ClusterLBError, InvalidValueError
from cluster_lb.runner import run


def demo(
    nodes: Annotated[int, typer.Option(min=1, max=20, help="Node processes.")] = 3,
    servers: Annotated[int, typer.Option(min=1, max=50, help="Server processes.")] = 5,
    duration: Annotated[
        float | None, typer.Option(metavar="S", help="Seconds; default: until Ctrl-C.", show_default=False)
    ] = None,
    seed_scenario: Annotated[
        bool, typer.Option("--seed-scenario", help="10 clients, 44,000 requests, counted exactly; then end.")
    ] = False,
) -> None:
    """Show a cluster at work: a Valkey, nodes and servers of its own, traffic, and what happens when some
    are killed. Exit code 0 when no request failed."""
    if duration is not None and duration <= 0:
        raise InvalidValueError(f"--duration {duration:g}: must be above 0 seconds")
    if duration is not None and seed_scenario:
        raise InvalidValueError("--duration: --seed-scenario ends when its requests are done; leave one out")
    run(lambda: _demo(nodes, servers, duration, seed_scenario))


async def _demo(nodes: int, servers: int, duration_s: float | None, volumes: bool) -> None:
    tally = Tally()
    exact = True
    async with staged(console(), nodes, {f"s{n}": 1 for n in range(1, servers + 1)}) as stage:
        playing = asyncio.current_task()
        assert playing is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, playing.cancel)
        try:
            if volumes:
                exact = await play_volumes(stage, tally)
            else:
                await play_incidents(stage, tally, duration_s)
        except asyncio.CancelledError:
            playing.uncancel()  # Ctrl-C is how it ends: judged by what came of the requests so far
    if tally.failed:
        raise ClusterLBError(f"{tally.failed} requests failed: {'; '.join(tally.problems)}")
    if not exact:
        raise ClusterLBError("the shares are not exact")
