"""Tables for people, made of the JSON of the admin API."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cluster_lb.admin.resources import Json, utc

_NO_LIMIT = 1000  # columns: a pipe has no width, so nothing is cut
_NARROW = 112  # columns, under which a table leaves out what it can
_REASONS = ("reason", "state_reason", "percent_reason")
_STYLES = {"UP": "green", "DOWN": "red", "NEW": "yellow", "DRAIN": "yellow", "MAINT": "yellow"} | {
    "busy": "yellow",
    "drain": "yellow",
    "down": "red",
}

# What the columns of a route show; the names of its other keys stand in the last one.
_ROUTE_COLUMNS = {
    "name",
    "match",
    "action",
    "host",
    "path_prefix",
    "path",
    "path_regex",
    "methods",
    "headers",
} | {*("pool", "pools", "redirect", "respond")}

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
                _trouble(pool),
            ]
        )
    return _table(["POOL", "POLICY", "EPOCH", "TAKING TRAFFIC", "PROBES", ""], rows)


def _trouble(pool: Json) -> str | Text:
    if pool["panics"]:
        return Text("panic: health is ignored", "bold red")
    return Text("backups serve", "bold yellow") if pool["backups_serve"] else ""


def servers_table(
    servers: Iterable[Json], measured: Measured | None = None, width: int = _NO_LIMIT, *, wide: bool = False
) -> Table:
    """With `measured` there is a column beside the exact share. A narrow one has no addresses, zones,
    priorities and reasons, a `wide` one has all, and who votes what; zones and priorities are shown where
    there are any."""
    servers = list(servers)
    rows = [_server_cells(server, measured) for server in servers]
    titles = [
        "POOL",
        "SERVER",
        "ADDRESS",
        "STATE",
        "HEALTH",
        "SHARE",
        "MEASURED",
        "WEIGHT",
        "IN FLIGHT",
        "LEASE",
        "ZONE",
        "PRIORITY",
    ]
    left_out = {"ADDRESS", "ZONE", "PRIORITY", "REASON"} if width < _NARROW and not wide else set()
    if measured is None:
        left_out.add("MEASURED")
    if not wide:
        left_out.add("VOTES")
    left_out |= {key.upper() for key in ("zone", "priority") if not any(s[key] for s in servers)}
    shown = [title for title in [*titles, "REASON", "VOTES"] if title not in left_out]
    return _table(shown, [[row[title] for title in shown] for row in rows])


def _server_cells(server: Json, measured: Measured | None) -> dict[str, str | Text]:
    share = (measured or {}).get((server["pool"], server["id"]))
    weight, effective, most = server["weight"], server["effective_weight"], server["max_requests"]
    return {
        "POOL": server["pool"],
        "SERVER": server["id"],
        "ADDRESS": server["address"],
        "STATE": _state(_strictest_word(server)),
        "HEALTH": _health(server),
        "SHARE": percent(server["share"]),
        "MEASURED": "-" if share is None else percent(share),
        "WEIGHT": str(weight) if weight == effective else f"{effective} of {weight}",
        "IN FLIGHT": f"{server['in_flight']} of {most}" if most else str(server["in_flight"]),
        "LEASE": _seconds(server["lease_ms"]),
        "ZONE": server["zone"],
        "PRIORITY": str(server["priority"]),
        "REASON": "; ".join(filter(None, (server[name] for name in _REASONS))),
        "VOTES": "; ".join(_vote(node, vote) for node, vote in server["verdict"]["votes"].items()),
    }


def _strictest_word(server: Json) -> str:
    """The operator's word, or the server's own where the operator lets it serve."""
    admin_state, own = str(server["admin_state"]), str(server["state"])
    return own if admin_state == "READY" and own != "up" else admin_state


def _health(server: Json) -> Text:
    if server["ejected"]:
        return Text("ejected", "red")
    return Text("stale", "yellow") if server["stale"] else _state(server["health"])


def _vote(node: str, vote: Json) -> str:
    return f"{node} {vote['health']} {vote['reason']} ({utc(vote['at_ms'])})"


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
    """In the order of the table, which decides between routes that are equally specific."""
    rows = [
        [
            route["name"],
            route["match"],
            route["action"],
            " ".join(key for key in route if key not in _ROUTE_COLUMNS),
        ]
        for route in routes
    ]
    return _table(["ROUTE", "MATCH", "ACTION", "CHANGES"], rows)


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.1f} s"


def _state(word: str) -> Text:
    return Text(word, _STYLES.get(word, ""))


def _table(titles: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title, no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return table
