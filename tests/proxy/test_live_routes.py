"""A node's routing table: the newest that was offered, compiled beside the loop."""

from __future__ import annotations

import pytest

from cluster_lb.clock import SystemClock
from cluster_lb.proxy.live_routes import LiveRoutes
from cluster_lb.proxy.pools import LivePools
from cluster_lb.proxy.route_table import RouteTable
from cluster_lb.proxy.ticker import Ticker
from cluster_lb.settings.routes import RouteSettings


class NoTickets:
    def take(self) -> int:
        return 0

    def adopt(self, epoch: int, period: int) -> None:
        """Nothing changes."""


@pytest.fixture
def adopted() -> list[RouteTable]:
    return []


@pytest.fixture
def pools() -> LivePools:
    return LivePools(Ticker(SystemClock()), lambda name: NoTickets())


@pytest.fixture
def routes(pools, adopted) -> LiveRoutes:
    return LiveRoutes(pools, Ticker(SystemClock()), lambda route: (), adopted.append)


async def test_the_newest_table_is_adopted(routes, adopted):
    await routes.offers.adopt_all()
    assert adopted == []
    routes.offer([RouteSettings(name="a", pool="a")])
    routes.offer([RouteSettings(name="b", pool="b"), RouteSettings(path="/", pool="c")])
    await routes.offers.adopt_all()
    assert [list(table.counts) for table in adopted] == [["b", "*=/"]]
    assert routes.table is adopted[0]
    await routes.offers.adopt_all()
    assert len(adopted) == 1


async def test_pools_that_routes_name_are_there_before_they_have_servers(routes, pools):
    table = [
        RouteSettings(pools={"a": 1, "b": 2}, mirror="s"),
        RouteSettings.model_validate({"path": "/x", "respond": {}}),
    ]
    routes.offer(table)
    await routes.offers.adopt_all()
    assert set(pools.by_name) == {"a", "b", "s"}
    assert routes.table.routes[1].pool.name == "-"


async def test_counts_go_on_as_long_as_a_route_keeps_its_name(routes):
    routes.offer([RouteSettings(name="a", pool="a"), RouteSettings(name="b", path="/b", pool="a")])
    await routes.offers.adopt_all()
    routes.table.counts["a"].statuses[2] = 7
    routes.offer([RouteSettings(name="a", path="/new", pool="a"), RouteSettings(name="c", pool="a")])
    await routes.offers.adopt_all()
    assert {name: counts.statuses[2] for name, counts in routes.table.counts.items()} == {"a": 7, "c": 0}
