"""Which pool a request goes to."""

from __future__ import annotations

import gc

import pytest

from cluster_lb.clock import SystemClock
from cluster_lb.proxy.mirror import Shadows
from cluster_lb.proxy.pool import LivePool
from cluster_lb.proxy.route_table import RouteTable, build_table
from cluster_lb.proxy.router import Router
from cluster_lb.proxy.ticker import Ticker
from cluster_lb.settings.routes import RouteSettings
from cluster_lb.settings.schema import PoolSettings
from tests.doubles.http_servers import OK
from tests.doubles.waiting import eventually

ROUTES = [
    RouteSettings(path_prefix="/", pool="any"),
    RouteSettings(path_prefix="/api", pool="api"),
    RouteSettings(path_prefix="/api/v2/", pool="v2"),
    RouteSettings(host="Shop.Example", pool="shop"),
    RouteSettings(host="shop.example", path_prefix="/api", pool="shop-api"),
    RouteSettings(host="bücher.example", pool="books"),
    RouteSettings(host="[::1]", pool="six"),
]


class NoTickets:
    """For pools without servers."""

    def take(self) -> int:
        return 0

    def adopt(self, epoch: int, period: int) -> None:
        """Nothing changes."""


def pools(*names: str) -> dict[str, LivePool]:
    ticker = Ticker(SystemClock())
    return {name: LivePool(name, NoTickets(), ticker, PoolSettings()) for name in names}


@pytest.fixture
def router() -> Router:
    by_name = pools("web", *(route.pool for route in ROUTES))
    table = build_table(ROUTES, by_name, by_name["web"], Shadows(Ticker(SystemClock())))
    return Router(by_name["web"], table)


@pytest.mark.parametrize(
    ("host", "target", "pool"),
    [
        (b"other", b"/", "any"),
        (b"other", b"/api", "api"),
        (b"other", b"/api/x", "api"),
        (b"other", b"/api?x", "api"),
        (b"other", b"/apis", "any"),
        (b"other", b"/x/api", "any"),
        (b"other", b"/x?/api", "any"),
        (b"other", b"/api/v2", "v2"),
        (b"other", b"/api/v2/x", "v2"),
        (b"other", b"/api/v20", "api"),
        (b"shop.example", b"/", "shop"),
        (b"SHOP.example:8080", b"/x", "shop"),
        (b"shop.example", b"/api/v2", "shop-api"),
        (b"www.shop.example", b"/api", "api"),
        (b"xn--bcher-kva.example", b"/", "books"),
        (b"[::1]:80", b"/", "six"),
        (b"[::1]", b"/", "six"),
        (None, b"/api", "api"),
        (b"other", b"*", "web"),
    ],
)
def test_the_most_specific_route_is_taken(router, host, target, pool):
    assert router.find(b"GET", target, host, b"").pool.name == pool


def test_without_routes_there_is_only_the_listeners_pool():
    web = pools("web")["web"]
    begin, route = Router(web).section(b"any", b"/x")
    assert begin == b""
    assert route.pool is web


async def test_requests_of_one_section_take_its_route_and_others_their_own(balancer):
    await balancer.answering(OK)
    balancer.route({"path_prefix": "/none", "pool": "empty"})
    client = await balancer.client()
    statuses = {}
    for target in (b"/a/1", b"/a/2", b"/none", b"/a/3", b"/none/x", b"/b/1", b"/a/none"):
        statuses[target] = (await client.ask(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target)).status
    assert [target for target, status in statuses.items() if status == 503] == [b"/none", b"/none/x"]
    balancer.route({"path_prefix": "/a", "pool": "empty"})
    assert (await client.ask(b"GET /a/4 HTTP/1.1\r\nHost: a\r\n\r\n")).status == 503


async def test_requests_of_one_connection_may_go_to_different_pools(balancer):
    await balancer.answering(OK)
    balancer.route({"path_prefix": "/none", "pool": "empty"})
    client = await balancer.client()
    request = b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n"
    for _ in range(2):
        assert (await client.ask(request % b"/none")).status == 503
        assert (await client.ask(request % b"/")).status == 200
    await client.send(request % b"/none" + request % b"/" + request % b"/none")
    assert [(await client.response()).status for _ in range(3)] == [503, 200, 503]
    assert balancer.pools["empty"].unserved == 4


async def test_what_is_remembered_of_clients_keeps_no_table_that_was_replaced(balancer):
    await balancer.answering(OK)
    for name in ("first", "second", "third"):
        balancer.route({"name": name, "path_prefix": "/", "pool": "web"})
        client = await balancer.client()
        for _ in range(3):  # the last one is not looked at any more: it is remembered with its route
            request = b"GET / HTTP/1.1\r\nHost: a\r\nX-Client: %b\r\n\r\n" % name.encode()
            assert (await client.ask(request)).status == 200
    gc.collect()
    tables = [table for table in gc.get_objects() if isinstance(table, RouteTable)]
    assert [table for table in tables if {"first", "second"} & table.counts.keys()] == []
    assert balancer.counts("third").statuses[2] == 3


async def test_an_answer_at_once_does_not_open_the_way_for_what_follows(balancer):
    """The first of two is answered on the spot, the second waits: a third must wait behind it."""
    server = await balancer.server()
    balancer.route({"path_prefix": "/none", "pool": "empty"})
    client = await balancer.client()
    request = b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n"
    await client.send(request % b"/none" + request % b"/1")
    assert (await client.response()).status == 503
    peer = await server.accepted()
    assert (await peer.head()).line == "GET /1 HTTP/1.1"
    await client.send(request % b"/2")
    [connection] = balancer.listener.clients
    await eventually(lambda: connection._held)
    await peer.send(OK)
    assert (await client.response()).status == 200
    assert (await peer.head()).line == "GET /2 HTTP/1.1"
    await peer.send(OK)
    assert (await client.response()).status == 200
