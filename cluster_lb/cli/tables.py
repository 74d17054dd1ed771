"""Tables for people, made of the JSON of the admin API."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cluster_lb.admin.resources import Json, utc

_NO_LIMIT = 1000  # columns: a pipe has no width, so nothing is cut
_NARROW = 112  # columns, under which a table leaves out what it can
_REASONS = ("reason", "state_reason", "percent_reason")
_WRAPPED = {"REASON", "EPOCHS", "CHANGES"}  # rather on several lines than at the cost of the other columns
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
    """Standard output; tables fit its width where it is a terminal."""
    return Console(width=None if sys.stdout.isatty() else _NO_LIMIT)


def uncut_console() -> Console:
    """Standard output, where even a terminal shows each row whole, on as many lines as it takes."""
    return Console(width=_NO_LIMIT)


def pools_table(pools: Iterable[Json]) -> Table:
    rows = []
    for pool in pools:
        taking = sum(server["share"] > 0 for server in pool["servers"])
        in_flight = sum(server["in_flight"] for server in pool["servers"])
        most = pool["settings"]["limits"]["pool_requests"]
        rows.append(
            [
                pool["name"],
                pool["policy"],
                str(pool["epoch"]),
                f"{taking} of {len(pool['servers'])}",
                _of(in_flight, most),
                pool["settings"]["health"]["kind"],
                _trouble(pool, is_full=bool(most) and in_flight >= most),
            ]
        )
    return _table(["POOL", "POLICY", "EPOCH", "TAKING TRAFFIC", "IN FLIGHT", "PROBES", ""], rows)


def _trouble(pool: Json, *, is_full: bool) -> Text:
    if pool["panics"]:
        return Text("panic: health is ignored", "bold red")
    if is_full:
        return Text("full: requests queue", "bold yellow")
    return Text("backups serve" if pool["backups_serve"] else "", "bold yellow")


def servers_table(
    servers: Iterable[Json], measured: Measured | None = None, width: int = _NO_LIMIT, *, wide: bool = False
) -> Table:
    """With `measured` there is a column beside the exact share. A narrow one has no addresses, zones and
    priorities, and below it what keeps servers from traffic; a `wide` one has all, and who votes
    what. Zones and priorities are shown where there are any."""
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
    narrow = width < _NARROW and not wide
    left_out = {"ADDRESS", "ZONE", "PRIORITY", "REASON"} if narrow else set()
    if measured is None:
        left_out.add("MEASURED")
    if not wide:
        left_out.add("VOTES")
    left_out |= {key.upper() for key in ("zone", "priority") if not any(s[key] for s in servers)}
    shown = [title for title in [*titles, "REASON", "VOTES"] if title not in left_out]
    table = _table(shown, [[row[title] for title in shown] for row in rows])
    if narrow:
        table.caption = "\n".join(filter(None, map(_below, servers)))
        table.caption_justify, table.caption_style = "left", ""
    return table


def is_well(server: Json) -> bool:
    """Whether nobody has anything against it."""
    words = (server["admin_state"], server["state"])
    return words == ("READY", "up") and _passes(server) and not server["stale"]


def _passes(server: Json) -> bool:
    return server["health"] != "DOWN" and not server["ejected"]


def _below(server: Json) -> str:
    """A line with what keeps a server from traffic; empty where that is nothing, or an operator."""
    text = _reasons(server | {"reason": ""} if _passes(server) else server)
    return escape(f"{server['pool']}/{server['id']}: {text}") if text else ""


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
        "IN FLIGHT": _of(server["in_flight"], most),
        "LEASE": _seconds(server["lease_ms"]),
        "ZONE": server["zone"],
        "PRIORITY": str(server["priority"]),
        "REASON": _reasons(server),
        "VOTES": "; ".join(_vote(node, vote) for node, vote in server["verdict"]["votes"].items()),
    }


def _of(count: int, most: int) -> str:
    """`most`: 0 for any."""
    return f"{count} of {most}" if most else str(count)


def _reasons(server: Json) -> str:
    return "; ".join(filter(None, (server[name] for name in _REASONS)))


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


def nodes_table(nodes: Iterable[Json], width: int = _NO_LIMIT) -> Table:
    """A narrow one has no admin addresses and versions."""
    rows = [
        {
            "NODE": node["id"],
            "ZONE": node["zone"],
            "LISTENERS": " ".join(node["listeners"]),
            "ADMIN": node["admin"],
            "VERSION": node["version"],
            "LEASE": _seconds(node["lease_ms"]),
            "SNAPSHOT AGE": _seconds(node["snapshot_age_ms"]),
            "EPOCHS": " ".join(f"{pool}:{epoch}" for pool, epoch in sorted(node["epochs"].items())),
        }
        for node in nodes
    ]
    left_out = {"ADMIN", "VERSION"} if width < _NARROW else set()
    shown = [title for title in (rows[0] if rows else ()) if title not in left_out]
    return _table(shown, [[row[title] for title in shown] for row in rows])


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
        table.add_column(title, no_wrap=title not in _WRAPPED)
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return table
