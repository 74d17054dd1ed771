"""Which route a request takes: the most specific one, else that to the listener's own pool.

More specific is: a host over none, then the longer path prefix (as nginx and Envoy order theirs).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cluster_lb.proxy.pool import LivePool
from cluster_lb.proxy.route import Route
from cluster_lb.settings.schema import RouteSettings
from cluster_lb.wire.request_head import RequestFields


class Router:
    """The compiled routes of one listener. Swapped whole when the table changes.

    `only`: the route of every request where there are no others.
    """

    __slots__ = ("_default", "_routes", "only")

    def __init__(
        self, default: LivePool, routes: Iterable[RouteSettings], pools: Mapping[str, LivePool]
    ) -> None:
        routes = list(routes)
        self._default = Route(default)
        self.only = None if routes else self._default
        ordered = sorted(routes, key=lambda route: (bool(route.host), len(route.path_prefix)), reverse=True)
        self._routes = [
            (
                route.host.lower().encode("idna" if not route.host.isascii() else "ascii"),
                route.path_prefix.rstrip("/").encode("ascii"),
                Route(pools[route.pool]),
            )
            for route in ordered
        ]

    def find(self, method: bytes, target: bytes, fields: RequestFields) -> Route:
        """The route for a request with this target (path with query) and these fields."""
        name = _without_port(fields.host or b"").lower()
        path = target.partition(b"?")[0]
        for route_host, prefix, route in self._routes:
            if (not route_host or route_host == name) and (
                path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in (b"", b"/")
            ):
                return route
        return self._default


def _without_port(host: bytes) -> bytes:
    if host.startswith(b"["):
        return host.partition(b"]")[0] + b"]"
    return host.partition(b":")[0]
