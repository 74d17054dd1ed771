"""The routing table at work: compiled matches, and the routes that they lead to. All listeners share it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import random

from cluster_lb.proxy.mirror import Mirror, Shadows
from cluster_lb.proxy.pool import LivePool
from cluster_lb.proxy.rate_limits import RouteLimit
from cluster_lb.proxy.route_counts import RouteCounts
from cluster_lb.proxy.table_route import TableRoute
from cluster_lb.routing.table import MatchTable
from cluster_lb.settings.routes import RouteSettings


@dataclass(frozen=True, slots=True)
class RouteTable:
    """`matches.find` gives a number of `routes`. `counts`: of each route, by its name; `unmatched`: of the
    requests that take none. `rate_limits`: the names of those that any route has."""

    matches: MatchTable
    routes: Sequence[TableRoute]
    counts: Mapping[str, RouteCounts] = field(default_factory=dict)
    unmatched: RouteCounts = field(default_factory=RouteCounts)
    rate_limits: frozenset[str] = frozenset()


NO_ROUTES = RouteTable(MatchTable(()), ())


def build_table(
    settings: Sequence[RouteSettings],
    pools: Mapping[str, LivePool],
    nowhere: LivePool,
    shadows: Shadows,
    before: RouteTable = NO_ROUTES,
    rate_limits: Sequence[tuple[RouteLimit, ...]] | None = None,
    *,
    draw: Callable[[], float] = random,
) -> RouteTable:
    """Compile `settings`; `pools` has every pool that they name, `rate_limits` those of each of them. Counts
    go on from the table `before`. `draw`, from 0 to under 1, says where turns by weight begin: else all nodes
    would give the first requests after each change to the same pool.

    Touches nothing that is shared, so it can run in a thread.
    """
    counts = {route.label: before.counts.get(route.label) or RouteCounts() for route in settings}
    routes = []
    for route, limits in zip(settings, rate_limits or [()] * len(settings), strict=True):
        counted = counts[route.label]
        mirror = None
        if route.mirror:
            shadow, percent = pools[route.mirror], route.mirror_percent
            mirror = Mirror(route.label, shadow, percent, shadows, counted, draw())
        routes.append(TableRoute(route, pools, nowhere, counted, mirror, limits, draw()))
    names = frozenset(limit.name for route in settings for limit in route.limits())
    return RouteTable(
        MatchTable([route.match for route in settings]), routes, counts, before.unmatched, names
    )
