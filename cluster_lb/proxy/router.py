"""Which route a request takes: the most specific one of the table, else that to the listener's own pool."""

from __future__ import annotations

from collections.abc import Sequence

from cluster_lb.proxy.pool import LivePool
from cluster_lb.proxy.route import Route
from cluster_lb.proxy.route_table import NO_ROUTES, RouteTable


class Router:
    """The routes of one listener. Swapped whole when the table changes, which all listeners share."""

    __slots__ = ("_matches", "_routes")

    def __init__(self, default: LivePool, table: RouteTable = NO_ROUTES) -> None:
        unmatched = Route(default, counts=table.unmatched)
        self._matches = table.matches
        self._routes: Sequence[Route] = (*table.routes, unmatched)

    def find(self, method: bytes, target: bytes, host: bytes | None, lines: bytes) -> Route:
        """The route for a request with this target (path with query) and this Host, and these field lines on
        the way to servers."""
        number = self._matches.find(host or b"", method, target, lines)
        return self._routes[-1 if number is None else number]

    def section(self, host: bytes | None, target: bytes) -> tuple[bytes, Route] | None:
        """What other targets have to begin with to take the same route, whatever else their requests to this
        Host say, and that route; None where that is not so simple."""
        found = self._matches.section(host or b"", target)
        if found is None:
            return None
        prefix, number = found
        return prefix, self._routes[-1 if number is None else number]

    def retire(self) -> None:
        """Another one is in force. What was remembered under this one names it still, and a table may be
        large."""
        self._matches = NO_ROUTES.matches
        self._routes = self._routes[-1:]
