"""Which pool a request goes to: the most specific route, else the listener's own pool.

More specific is: a host over none, then the longer path prefix (as nginx and Envoy order theirs).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cluster_lb.proxy.pool import LivePool
from cluster_lb.settings.schema import RouteSettings


class Router:
    """The compiled routes of one listener. Swapped whole when the table changes.

    `only`: the pool of every request where there are no routes.
    """

    __slots__ = ("_default", "_routes", "only")

    def __init__(
        self, default: LivePool, routes: Iterable[RouteSettings], pools: Mapping[str, LivePool]
    ) -> None:
        routes = list(routes)
        self._default = default
        self.only = None if routes else default
        ordered = sorted(routes, key=lambda route: (bool(route.host), len(route.path_prefix)), reverse=True)
        self._routes = [
            (
                route.host.lower().encode("idna" if not route.host.isascii() else "ascii"),
                route.path_prefix.rstrip("/").encode("ascii"),
                pools[route.pool],
            )
            for route in ordered
        ]

    def find(self, host: bytes | None, target: bytes) -> LivePool:
        """The pool for a request with this Host and this target (path with query)."""
        name = _without_port(host or b"").lower()
        path = target.partition(b"?")[0]
        for route_host, prefix, pool in self._routes:
            if (not route_host or route_host == name) and (
                path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in (b"", b"/")
            ):
                return pool
        return self._default


def _without_port(host: bytes) -> bytes:
    if host.startswith(b"["):
        return host.partition(b"]")[0] + b"]"
    return host.partition(b":")[0]
