"""Which route a request takes: the most specific one of the table, else that to the listener's own pool."""

from __future__ import annotations

from collections.abc import Sequence

from cluster_lb.proxy.pool import LivePool
from cluster_lb.proxy.route import Route
from cluster_lb.proxy.route_table import NO_ROUTES, RouteTable


class Router:
    """The routes of one listener. Swapped whole when the table changes, which all listeners share.

    `only`: the route of every request where there are no others.
    """

    __slots__ = ("_find", "_routes", "only")

    def __init__(self, default: LivePool, table: RouteTable = NO_ROUTES) -> None:
        unmatched = Route(default, counts=table.unmatched)
        self._find = table.matches.find
        self._routes: Sequence[Route] = (*table.routes, unmatched)
        self.only = None if table.routes else unmatched

    def find(self, method: bytes, target: bytes, host: bytes | None, lines: bytes) -> Route:
        """The route for a request with this target (path with query) and this Host, and these field lines on
        the way to servers."""
        number = self._find(host or b"", method, target, lines)
        return self._routes[-1 if number is None else number]

    def retire(self) -> None:
        """Another one is in force. What was remembered under this one names it still, and a table may be
        large."""
        self._find = NO_ROUTES.matches.find
        self._routes = self._routes[-1:]
