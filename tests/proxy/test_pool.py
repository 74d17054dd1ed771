"""A pool in life: what survives a new snapshot, and who is picked when some cannot be reached."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cluster_lb.clock import SystemClock
from cluster_lb.model.address import Address
from cluster_lb.model.availability import AdminState
from cluster_lb.model.locality import Locality
from cluster_lb.model.place import Place
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking import compile_policy
from cluster_lb.proxy.pool import LivePool
from cluster_lb.proxy.ticker import Ticker
from cluster_lb.settings.schema import PoolSettings
from tests.doubles.http_servers import OK, Close
from tests.doubles.waiting import eventually

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def new_pool(*servers: Server) -> LivePool:
    pool = LivePool("web", None, Ticker(SystemClock()), PoolSettings())
    adopt(pool, *servers)
    return pool


def adopt(pool: LivePool, *servers: Server) -> None:
    snapshot = Snapshot("web", pool.epoch + 1, "weighted_round_robin", 0.5, servers)
    pool.adopt(snapshot, compile_policy(snapshot))


def server(name: str, port: int = 9001, weight: int = 1, **more) -> Server:
    return Server(name, Address("127.0.0.1", port), effective_weight=weight, **more)


def picks(pool: LivePool, count: int) -> str:
    return "".join(pool.pick(ticket).id for ticket in range(count))


def test_tickets_index_the_schedule():
    assert picks(new_pool(server("a", weight=2), server("b")), 6) == "abaaba"


@pytest.mark.parametrize(
    ("policy", "factor", "hears"),
    [("consistent_hash", 1.25, True), ("consistent_hash", 0, False), ("round_robin", 1.25, False)],
)
def test_the_load_of_other_nodes_is_heard_where_loads_are_bounded(policy, factor, hears):
    pool = new_pool()
    snapshot = Snapshot("web", 2, policy, 0.5, (server("a"),), balance_factor=factor)
    pool.adopt(snapshot, compile_policy(snapshot))
    assert pool.hears_loads is hears


def test_an_empty_pool_picks_nobody():
    assert new_pool().pick(3) is None
    assert new_pool(server("a", weight=0)).pick(3) is None


def test_a_server_that_stays_keeps_its_counts():
    pool = new_pool(server("a"), server("b"))
    a = pool.servers["a"]
    a.load, a.out = 3, True
    adopt(pool, server("a", weight=7), server("c"))
    assert pool.servers["a"] is a
    assert (a.load, a.out, a.retired, pool.epoch) == (3, True, False, 2)


def test_a_server_that_leaves_or_moves_is_retired():
    pool = new_pool(server("a"), server("b"))
    a, b = pool.servers["a"], pool.servers["b"]
    adopt(pool, server("a", port=9002))
    assert (a.retired, b.retired) == (True, True)
    assert pool.servers["a"] is not a


def test_the_turns_of_a_server_that_is_out_are_shared_by_the_others():
    pool = new_pool(server("a"), server("b"), server("c"))
    pool.servers["b"].out = True
    found = picks(pool, 300)
    assert (found[0::3], found[2::3]) == ("a" * 100, "c" * 100)
    assert 30 < found[1::3].count("a") < 70
    assert found.count("b") == 0


def test_where_all_are_out_each_has_its_turn():
    pool = new_pool(server("a"), server("b"))
    for live in pool.servers.values():
        live.out = True
    assert picks(pool, 4) == "abab"


def test_what_follows_was_not_tried_and_is_rather_not_out():
    pool = new_pool(server("a"), server("b"), server("c"))
    a, b, c = (pool.servers[name] for name in "abc")
    b.out = True
    assert pool.next_after(0, (a,)) is c
    assert pool.next_after(0, (a, c)) is b
    assert pool.next_after(0, (a, b, c)) is None
    assert pool.next_after(1, ()) is c


def test_an_empty_pool_says_whether_it_has_servers_at_all():
    assert new_pool().why_empty() == "none is registered in the pool"
    pool = new_pool(server("a", admin_state=AdminState.MAINT), server("b", admin_state=AdminState.DRAIN))
    assert pool.is_empty
    assert pool.why_empty() == "none of the pool's 2 takes requests"


def test_servers_that_take_nothing_new_are_kept_alive_and_not_picked():
    pool = new_pool(server("a"), server("b", admin_state=AdminState.DRAIN))
    assert picks(pool, 2) == "aa"
    assert "b" in pool.servers


class Untouched:
    """Tickets that nobody may take."""


def test_picks_by_zone_take_numbers_of_the_nodes_own_not_tickets():
    pool = LivePool("web", Untouched(), Ticker(SystemClock()), PoolSettings())
    servers = [server(f"{zone}{number}", zone=zone) for zone in "ab" for number in range(3)]
    snapshot = Snapshot("web", 1, "round_robin", 0.5, tuple(servers), zones_from=6)
    plan = compile_policy(snapshot, Locality("a", {"a": 1, "b": 1}))
    pool.adopt(snapshot, plan)
    exchange = SimpleNamespace(number=None)
    chosen = [pool.choose(exchange).id for _ in range(3)]
    pool.adopt(snapshot, plan)
    chosen += [pool.choose(exchange).id for _ in range(3)]
    assert sorted(chosen[:3]) == ["a0", "a1", "a2"]
    assert chosen[3:] == chosen[:3]
    assert pool.next_after(exchange.number, ()).id == chosen[-1]
    pool.servers[chosen[0]].out = True
    assert pool.choose(exchange).id in chosen[1:3]


def test_attempts_are_counted_by_zone_of_servers_that_left_too():
    pool = new_pool(server("a", zone="x"), server("b", zone="y"), server("c", zone="x"))
    for attempts, live in enumerate(pool.servers.values(), 1):
        live.attempts = attempts
    adopt(pool, server("a", zone="x"))
    assert pool.zone_attempts == {"x": 4, "y": 2}


async def test_a_server_that_leaves_may_finish_and_its_connections_are_not_kept(balancer):
    first = await balancer.server()
    client = await balancer.client()
    await client.send(GET)
    peer = await first.accepted()
    await peer.head()
    live = balancer.live()
    balancer.adopt()
    await peer.send(OK)
    assert (await client.response()).status == 200
    assert await peer.rest() == b""
    assert (live.load, live.idle, live.statuses[2]) == (0, [], 1)


async def test_kept_connections_of_a_server_that_leaves_are_closed(balancer):
    server = await balancer.answering(OK)
    await (await balancer.client()).ask(GET)
    await balancer.kept()
    live = balancer.live()
    balancer.adopt()
    await eventually(lambda: live.connections == 0)
    assert live.idle == []
    assert len(server.peers) == 1


async def test_a_repeat_goes_to_the_servers_of_the_newest_snapshot(balancer):
    first = await balancer.server()
    client = await balancer.client()
    await client.send(GET)
    peer = await first.accepted()
    await peer.head()
    balancer.servers.clear()
    await balancer.answering(OK)
    await peer.close()
    assert (await client.response()).status == 200


async def test_idle_connections_are_closed_after_their_time_the_oldest_first(balancer):
    server = await balancer.answering(OK)
    one, two = await balancer.client(), await balancer.client()
    await one.send(GET)
    await two.send(GET)
    await one.response()
    await two.response()
    await balancer.kept(0, 2)
    balancer.advance(40)
    await one.ask(GET)  # the last used one again
    await balancer.kept(0, 2)
    balancer.advance(25)
    await balancer.kept(0, 1)
    balancer.advance(40)
    await balancer.kept(0, 0)
    await eventually(lambda: balancer.live().connections == 0)
    assert len(server.peers) == 2


async def test_no_more_than_so_many_connections_are_kept(start):
    balancer = await start(pool={"max_idle_connections": 1})
    await balancer.answering(OK)
    clients = [await balancer.client() for _ in range(3)]
    for client in clients:
        await client.send(GET)
    for client in clients:
        await client.response()
    await eventually(lambda: balancer.live().connections == 1)
    assert len(balancer.live().idle) == 1


async def test_a_server_that_is_out_gets_nothing_until_it_is_back(balancer):
    await balancer.answering(Close())
    await balancer.answering(OK)
    client = await balancer.client()
    balancer.live().out = True
    for _ in range(4):
        assert (await client.ask(GET)).status == 200
    assert balancer.live().attempts == 0
    balancer.live().out = False
    await client.ask(GET)
    assert balancer.live().attempts == 1


def by_load(*servers: Server, policy: str = "least_requests") -> LivePool:
    pool = LivePool("web", None, Ticker(SystemClock()), PoolSettings(), 0.5)
    snapshot = Snapshot("web", 1, policy, 0.5, servers)
    pool.adopt(snapshot, compile_policy(snapshot))
    return pool


def test_a_policy_by_load_counts_what_other_nodes_have_too_much_of():
    pool = by_load(server("a"), server("b"))
    assert pool.hears_loads
    pool.hear_loads(Place(0, 2), {"a": 4, "gone": 9})
    a, b = pool.servers["a"], pool.servers["b"]
    assert (a.elsewhere, a.surplus, b.elsewhere, b.surplus) == (4, 2, 0, 0)
    assert {pool.pick(ticket) for ticket in range(10)} == {b}
    pool.hear_loads(Place(0, 2), {"b": 1})
    assert (a.elsewhere, a.surplus, b.elsewhere, b.surplus) == (0, 0, 1, 0)


def test_a_policy_that_goes_by_nothing_hears_of_nothing():
    pool = new_pool(server("a"))
    assert not pool.hears_loads
    assert pool.told_latencies() is None


def test_latencies_are_measured_while_the_policy_wants_them():
    pool = by_load(server("a"), server("b"), policy="least_time")
    assert pool.notice_s == 0.0
    pool.hear_latencies({"a": 5000})
    assert pool.servers["a"].latency_s == 0.005
    assert pool.told_latencies() == {}
    adopt(pool, server("a"), server("b"))
    assert (pool.notice_s, pool.told_latencies(), pool.servers["a"].latency_s) == (0.5, None, 0.0)
