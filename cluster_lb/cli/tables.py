"""Tables for people, made of the JSON of the admin API."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cluster_lb.admin.resources import Json

_NO_LIMIT = 1000  # columns: a pipe has no width, so nothing is cut
_STYLES = {"UP": "green", "DOWN": "red", "NEW": "yellow", "DRAIN": "yellow", "MAINT": "yellow"}

#: (pool, server id) -> its share (0..1) of what was served in the last interval
Measured = Mapping[tuple[str, str], float]


def console() -> Console:
    """Standard output, cut to its width only where it is a terminal."""
    return Console(width=None if sys.stdout.isatty() else _NO_LIMIT)


def pools_table(pools: Iterable[Json]) -> Table:
    rows = []
    for pool in pools:
        taking = sum(server["share"] > 0 for server in pool["servers"])
        rows.append(
            [
                pool["name"],
                pool["policy"],
                str(pool["epoch"]),
                f"{taking}/{len(pool['servers'])}",
                pool["settings"]["health"]["kind"],
                Text("panic: health is ignored", "bold red") if pool["panics"] else "",
            ]
        )
    return _table(["POOL", "POLICY", "EPOCH", "TAKING TRAFFIC", "PROBES", ""], rows)


def servers_table(servers: Iterable[Json], measured: Measured | None = None) -> Table:
    """With `measured` there is a column beside the exact share."""
    shares = ["SHARE"] if measured is None else ["SHARE", "MEASURED"]
    titles = [
        "POOL",
        "SERVER",
        "ADDRESS",
        "STATE",
        "HEALTH",
        *shares,
        "WEIGHT",
        "IN FLIGHT",
        "LEASE",
        "REASON",
    ]
    return _table(titles, [_server_row(server, measured) for server in servers])


def _server_row(server: Json, measured: Measured | None) -> list[str | Text]:
    shares = [percent(server["share"])]
    if measured is not None:
        share = measured.get((server["pool"], server["id"]))
        shares.append("-" if share is None else percent(share))
    weight, effective = server["weight"], server["effective_weight"]
    return [
        server["pool"],
        server["id"],
        server["address"],
        _state(server["admin_state"]),
        Text("stale", "yellow") if server["stale"] else _state(server["health"]),
        *shares,
        str(weight) if weight == effective else f"{effective} of {weight}",
        str(server["in_flight"]),
        _seconds(server["lease_ms"]),
        server["reason"],
    ]


def nodes_table(nodes: Iterable[Json]) -> Table:
    titles = ["NODE", "ZONE", "LISTENERS", "ADMIN", "VERSION", "LEASE", "SNAPSHOT AGE", "EPOCHS"]
    rows = [
        [
            node["id"],
            node["zone"],
            " ".join(node["listeners"]),
            node["admin"],
            node["version"],
            _seconds(node["lease_ms"]),
            _seconds(node["snapshot_age_ms"]),
            " ".join(f"{pool}:{epoch}" for pool, epoch in sorted(node["epochs"].items())),
        ]
        for node in nodes
    ]
    return _table(titles, rows)


def routes_table(routes: Iterable[Json]) -> Table:
    rows = [[route["host"] or "*", route["path_prefix"], route["pool"]] for route in routes]
    return _table(["HOST", "PATH PREFIX", "POOL"], rows)


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.1f} s"


def _state(word: str) -> Text:
    return Text(word, _STYLES.get(word, ""))


def _table(titles: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title, no_wrap=title != "REASON")
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return table
