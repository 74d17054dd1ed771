"""A new routing table at its first requests."""

from __future__ import annotations

from collections import Counter
from random import Random

from cluster_lb.clock import SystemClock
from cluster_lb.proxy.mirror import Shadows
from cluster_lb.proxy.pool import LivePool
from cluster_lb.proxy.route_table import build_table
from cluster_lb.proxy.table_route import TableRoute
from cluster_lb.proxy.ticker import Ticker
from cluster_lb.settings.routes import RouteSettings
from cluster_lb.settings.schema import PoolSettings

NODES = 400
CANARY = {"pools": {"stable": 95, "canary": 5}, "mirror": "shadow", "mirror_percent": 5.0}


class NoTickets:
    """For pools without servers."""

    def take(self) -> int:
        return 0

    def adopt(self, epoch: int, period: int) -> None:
        """Nothing changes."""


def routes_of_all_nodes() -> list[TableRoute]:
    """The route, as each of many nodes has it in a new table."""
    ticker, random = Ticker(SystemClock()), Random(1)
    pools = {
        name: LivePool(name, NoTickets(), ticker, PoolSettings()) for name in ("stable", "canary", "shadow")
    }
    settings = [RouteSettings.model_validate(CANARY)]
    tables = [
        build_table(settings, pools, pools["stable"], Shadows(ticker), draw=random.random)
        for _ in range(NODES)
    ]
    return [table.routes[0] for table in tables]


def test_the_first_requests_of_all_nodes_are_shared_by_weight():
    first = Counter(next(route.turns).name for route in routes_of_all_nodes())
    assert 10 <= first["canary"] <= 30  # 20 of 400 are due


def test_each_node_keeps_to_the_weights_from_wherever_it_begins():
    for route in routes_of_all_nodes():
        assert [next(route.turns).name for _ in range(20)].count("canary") == 1


def test_the_first_requests_of_all_nodes_are_mirrored_as_their_percentage_says():
    assert 10 <= sum(route.mirror.is_due() for route in routes_of_all_nodes()) <= 30
