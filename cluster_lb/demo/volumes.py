"""Ten clients of uneven volume over five servers: a fixed amount of requests, counted exactly."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cluster_lb.demo.client import Client
from cluster_lb.demo.latencies import figures
from cluster_lb.demo.traffic import Tally

VOLUMES = (5000, 7000, 1000, 5000, 7000, 1000, 5000, 7000, 1000, 5000)
SLOW_S = 0.5  # the nodes' own threshold for a slow request, node.slow_request_ms


@dataclass
class Results:
    """What came of it; latencies in seconds."""

    tally: Tally
    by_client: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    by_server: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @property
    def slow(self) -> int:
        return sum(seconds > SLOW_S for latencies in self.by_client.values() for seconds in latencies)


async def play(
    client: Client,
    nodes: Sequence[str],
    volumes: Sequence[int],
    tally: Tally,
    advance: Callable[[], object],
) -> Results:
    """Client n sends volumes[n] requests, one after the other, through one node after the other; all
    clients at once. `advance` is called for each request that has ended."""
    results = Results(tally)

    async def one(number: int, volume: int) -> None:
        name = f"client{number}"
        at = number % len(nodes)
        order = [*nodes[at:], *nodes[:at]]
        for _ in range(volume):
            answer = await client.fetch(order)
            tally.add(answer)
            if answer.ok:
                results.by_client[name].append(answer.seconds)
                results.by_server[answer.server].append(answer.seconds)
            advance()

    await asyncio.gather(*(one(number, volume) for number, volume in enumerate(volumes)))
    return results


async def play_with_bar(
    console: Console, client: Client, nodes: Sequence[str], volumes: Sequence[int], tally: Tally
) -> Results:
    """The same, with a progress bar where there is a terminal."""
    columns = (TextColumn("requests"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("requests", total=sum(volumes))
        return await play(client, nodes, volumes, tally, lambda: progress.advance(bar))


def within_bound(by_server: Mapping[str, int], shares: Mapping[str, float], nodes: int) -> bool:
    """Whether each server is within less than 2 requests a node of its exact share."""
    total = sum(by_server.values())
    return all(abs(by_server.get(name, 0) - total * share) < 2 * nodes for name, share in shares.items())


def show(console: Console, results: Results, shares: Mapping[str, float], nodes: int) -> None:
    """Shares, latencies and slow requests."""
    by_server = results.tally.by_server
    total = by_server.total()
    table = _table("SERVER", "REQUESTS", "EXACT SHARE", "OFF BY", *_FIGURES)
    for name in sorted(shares):
        exact = total * shares[name]
        cells = [f"{by_server[name]:,}", f"{exact:,.1f}", f"{by_server[name] - exact:+.1f}"]
        table.add_row(name, *cells, *_figure_cells(results.by_server[name]))
    console.print(table)
    table = _table("CLIENT", "REQUESTS", *_FIGURES)
    for name, latencies in sorted(results.by_client.items()):
        table.add_row(name, f"{len(latencies):,}", *_figure_cells(latencies))
    console.print(table)
    verdict = "within" if within_bound(by_server, shares, nodes) else "NOT within"
    console.print(
        f"{total + results.tally.failed:,} requests, {results.tally.failed} failed; "
        f"{results.slow} took longer than {SLOW_S * 1000:.0f} ms; each server {verdict} less "
        f"than {2 * nodes} of its exact share "
        f"(2 for each of {nodes} nodes)"
    )


_FIGURES = ("MEAN MS", "P50", "P95", "P99", "MAX")


def _figure_cells(latencies: Sequence[float]) -> list[str]:
    if not latencies:
        return ["-"] * len(_FIGURES)
    found = figures(latencies)
    return [f"{value:.1f}" for value in (found.mean, found.p50, found.p95, found.p99, found.max)]


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for number, title in enumerate(titles):
        table.add_column(title, no_wrap=True, justify="right" if number else "left")
    return table
