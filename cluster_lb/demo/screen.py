"""What the demo shows: a live table on a terminal, else a line now and then."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cluster_lb.demo.cluster import DemoCluster, Place
from cluster_lb.demo.shares import Shares
from cluster_lb.demo.traffic import Tally
from cluster_lb.demo.watch import Sight

_EVENTS = 8  # lines of what happened, the last ones
LINE_EVERY_S = 5.0  # without a terminal


class Screen:
    """Draws `tally` and the last sight. `tell` is for what happened."""

    def __init__(self, console: Console, cluster: DemoCluster, tally: Tally) -> None:
        self._console = console
        self._cluster = cluster
        self._tally = tally
        self._shares = Shares()
        self._sight = Sight()
        self._began = time.monotonic()
        self._next_line = LINE_EVERY_S
        self._events: deque[str] = deque(maxlen=_EVENTS)
        self._live = (
            Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        )

    def __enter__(self) -> Screen:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def tell(self, what: str) -> None:
        """Something happened."""
        self._events.append(f"{self._elapsed:6.1f} s  {what}")
        if self._live is None:
            self._console.print(self._events[-1])

    def show(self, sight: Sight | None) -> None:
        """Draw; with no sight (no node answered) the last one stays."""
        self._sight = sight or self._sight
        self._shares.observe(self._sight, self._tally.by_server)
        if self._live:
            self._live.update(self._whole(), refresh=True)
        elif self._elapsed >= self._next_line:
            self._next_line += LINE_EVERY_S
            self._console.print(f"{self._elapsed:6.1f} s  {self._summary()}; {self._shares_line()}")

    def finish(self) -> None:
        """The last tables, to stay."""
        self._console.print(self._servers(), self._nodes(), sep="\n\n")

    def _whole(self) -> RenderableType:
        return Group(
            self._servers(),
            Text(),
            self._nodes(),
            Text(),
            Text(self._summary(), style="bold red" if self._tally.failed else "bold"),
            *(Text(line, style="dim") for line in self._events),
        )

    def _summary(self) -> str:
        tally = self._tally
        return (
            f"{tally.answered + tally.failed:,} requests, {tally.failed} failed, "
            f"{tally.moved} answered by another node than the first one tried"
        )

    def _shares_line(self) -> str:
        return ", ".join(self._share_text(server_id) for server_id in sorted(self._sight.servers))

    def _share_text(self, server_id: str) -> str:
        measured, exact = self._shares.of(server_id)
        return f"{server_id} {measured:.1%} of {exact:.1%}"

    def _servers(self) -> Table:
        """SHARE and EXACT are since the set of servers last changed."""
        table = _table("SERVER", "ADDRESS", "PROCESS", "HEALTH", "REQUESTS", "SHARE", "EXACT", "IN FLIGHT")
        for server in self._cluster.servers.values():
            seen = self._sight.servers.get(server.id, {})
            measured, exact = self._shares.of(server.id)
            table.add_row(
                server.id,
                f"127.0.0.1:{server.port}",
                _process(server),
                _health(str(seen.get("health", "not registered"))),
                f"{self._tally.by_server[server.id]:,}",
                f"{measured:.1%}",
                f"{exact:.1%}",
                str(seen.get("in_flight", "-")),
            )
        return table

    def _nodes(self) -> Table:
        table = _table("NODE", "LISTENS ON", "PROCESS", "MEMBER", "REQUESTS", "EPOCH", "SNAPSHOT AGE")
        for node in self._cluster.nodes.values():
            table.add_row(node.id, f"127.0.0.1:{node.port}", _process(node), *self._node_cells(node.id))
        return table

    def _node_cells(self, node_id: str) -> Iterator[str]:
        seen = self._sight.nodes.get(node_id)
        yield "yes" if seen else "no"
        yield f"{self._tally.by_node[node_id]:,}"
        yield str(seen["epochs"].get("web", "-")) if seen else "-"
        # While Redis does not answer, what a node says of itself stays as it was: its own copy ages.
        yield f"{seen['snapshot_age_ms'] / 1000 + self._sight.age_s:.1f} s" if seen else "-"


def _process(place: Place) -> Text:
    return Text(f"pid {place.child.pid}", "green") if place.child.runs else Text("killed", "red")


def _health(word: str) -> Text:
    return Text(word, {"UP": "green", "DOWN": "red"}.get(word, "yellow"))


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for title in titles:
        numbers = title in ("REQUESTS", "SHARE", "EXACT", "IN FLIGHT", "EPOCH", "SNAPSHOT AGE")
        table.add_column(title, no_wrap=True, justify="right" if numbers else "left")
    return table
