"""Limits of a pool and its servers, and the queue in front of them."""

from __future__ import annotations

import asyncio
import socket

import pytest

from cluster_lb.clock import SystemClock
from cluster_lb.model.advice import NO_ADVICE, Advice
from cluster_lb.model.place import Place
from cluster_lb.picking import compile_policy
from cluster_lb.proxy.limits import Limits
from cluster_lb.proxy.pool import LivePool
from cluster_lb.proxy.server import LiveServer
from cluster_lb.proxy.ticker import Ticker
from cluster_lb.settings.limits import LimitSettings
from cluster_lb.settings.schema import PoolSettings
from tests.doubles.http_servers import OK, Message, Peer
from tests.doubles.snapshots import weighted
from tests.doubles.waiting import eventually

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
LARGE = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4194304\r\n\r\n"


class Server:
    """What a decision looks at."""

    def __init__(self, load: int = 0, idle: int = 0, elsewhere: int = 0, advice: Advice = NO_ADVICE) -> None:
        self.load, self.idle, self.elsewhere, self.advice = load, [None] * idle, elsewhere, advice


class Pool:
    def __init__(self, *servers: Server) -> None:
        self.in_flight = sum(server.load for server in servers)


def limits(nodes: int = 1, elsewhere: int = 0, servers: tuple[Server, ...] = (), **settings: int) -> Limits:
    made = Limits(Pool(*servers), LimitSettings(**settings))
    made.hear(nodes, elsewhere)
    return made


@pytest.mark.parametrize(
    ("here", "nodes", "elsewhere", "takes"),
    [
        (9, 1, 0, True),
        (10, 1, 0, False),
        (4, 2, 5, True),
        (5, 2, 4, True),
        (5, 2, 5, False),
        (9, 2, 0, True),  # what the others leave
        (3, 2, 10, True),  # its own share, although the other node has all: that one gives way
        (5, 2, 10, False),
        (0, 20, 9, True),
        (0, 20, 10, False),  # more nodes than room
    ],
)
def test_a_node_has_its_share_and_what_the_others_leave(here, nodes, elsewhere, takes):
    assert limits(nodes, server_requests=10).takes(Server(here, elsewhere=elsewhere)) is takes
    assert limits(nodes, elsewhere, (Server(here),), pool_requests=10).is_open() is takes


@pytest.mark.parametrize(
    ("load", "elsewhere", "server_requests", "takes"),
    [
        (9, 0, 0, True),
        (10, 0, 0, False),
        (5, 5, 0, False),
        (10, 0, 20, False),
        (4, 4, 9, True),
        (5, 4, 9, False),
    ],
)
def test_the_lower_of_the_agents_limit_and_the_pools_holds_over_the_cluster(
    load, elsewhere, server_requests, takes
):
    server = Server(load, elsewhere=elsewhere, advice=Advice(maxconn=10))
    assert limits(2, server_requests=server_requests).takes(server) is takes


@pytest.mark.parametrize(
    ("load", "idle", "nodes", "takes"),
    [(3, 0, 1, True), (4, 0, 1, False), (4, 1, 1, True), (1, 0, 2, True), (2, 0, 2, False), (0, 0, 9, True)],
)
def test_connections_are_shared_out_equally(load, idle, nodes, takes):
    assert limits(nodes, server_connections=4).takes(Server(load, idle)) is takes


def test_without_a_limit_there_is_none():
    assert limits(2, 10**6, server_connections=1).is_open()
    assert limits(2, pool_requests=1).takes(Server(10**6, elsewhere=10**6))


def limited(servers: int, **settings: int) -> tuple[LivePool, Limits]:
    pool = LivePool("web", None, Ticker(SystemClock()), PoolSettings.model_validate({"limits": settings}))
    snapshot = weighted({f"s{number}": 1 for number in range(servers)}, "round_robin")
    pool.adopt(snapshot, compile_policy(snapshot))
    assert pool.limits is not None
    return pool, pool.limits


class Asked:
    """Counts the servers that picks ask."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, self._takes = 0, Limits.takes
        monkeypatch.setattr(Limits, "takes", lambda limits, server: self.ask(limits, server))

    def ask(self, limits: Limits, server: LiveServer) -> bool:
        self.count += 1
        return self._takes(limits, server)


def fill(pool: LivePool) -> None:
    number = 0
    while (server := pool.pick(number)) is not None:
        server.load += 1
        number += 1


def test_a_full_pool_is_not_asked_again_by_those_who_come(monkeypatch):
    pool, _ = limited(50, server_requests=2)
    fill(pool)
    asked = Asked(monkeypatch)
    assert [pool.pick(number) for number in range(10)] == [None] * 10
    assert asked.count == 0


def test_an_exchange_that_ends_in_a_full_pool_leaves_its_room_to_the_next(monkeypatch):
    pool, made = limited(50, server_requests=2)
    fill(pool)
    asked = Asked(monkeypatch)
    for name in ("s7", "s7", "s31"):
        freed = pool.servers[name]
        freed.load -= 1
        made.on_settled(freed)
        assert pool.pick(3) is freed
        freed.load += 1
        assert pool.pick(4) is None
    assert asked.count == 3
    assert made.in_flight == 100


def test_several_that_end_in_a_full_pool_leave_room_for_as_many():
    pool, made = limited(5, server_requests=2)
    fill(pool)
    for server in pool.servers.values():
        server.load -= 1
        made.on_settled(server)
    fill(pool)
    assert [server.load for server in pool.servers.values()] == [2] * 5


def test_what_ends_on_a_server_that_takes_nobody_any_more_leaves_no_room():
    pool, made = limited(3, server_requests=1)
    fill(pool)
    left = pool.servers["s2"]
    snapshot = weighted({"s0": 1, "s1": 1, "s2": 0}, "round_robin")
    pool.adopt(snapshot, compile_policy(snapshot))
    assert pool.pick(0) is None
    left.load -= 1
    made.on_settled(left)
    assert pool.pick(0) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda pool: pool.configure(PoolSettings.model_validate({"limits": {"server_requests": 2}})),
        lambda pool: pool.hear_loads(Place(), {}),
        lambda pool: pool.limits.on_tick(0.0),
    ],
    ids=["settings", "heard", "tick"],
)
def test_a_full_pool_is_looked_at_again_when_things_change(change):
    pool, _ = limited(2, server_requests=1)
    pool.servers["s0"].elsewhere = pool.servers["s1"].elsewhere = 1
    pool.limits.hear(2, 2)
    assert pool.pick(0) is None
    pool.servers["s0"].elsewhere = 0
    change(pool)
    assert pool.pick(0) is pool.servers["s0"]


# --- at work


class Held:
    """Holds every request until it is let go."""

    def __init__(self) -> None:
        self.requests: list[Message] = []
        self._peers: list[Peer] = []

    async def __call__(self, peer: Peer) -> None:
        while True:
            try:
                self.requests.append(await peer.request())
            except (asyncio.IncompleteReadError, ConnectionError):
                await peer.close()
                return
            self._peers.append(peer)

    @property
    def paths(self) -> list[str]:
        return [request.line.split(" ")[1] for request in self.requests]

    async def came(self, count: int) -> None:
        await eventually(lambda: len(self.requests) == count)

    async def let_go(self) -> None:
        await self._peers.pop(0).send(OK)

    async def fail(self) -> None:
        await self._peers.pop(0).close()


async def asking(balancer, number: int, form: bytes = GET) -> Peer:
    client = await balancer.client()
    await client.send(form % number)
    return client


async def started(start, **settings: object):
    balancer = await start(pool={"limits": settings})
    held = Held()
    await balancer.server(held)
    return balancer, held


async def queued(balancer, count: int) -> None:
    await eventually(lambda: len(balancer.pool.limits.waiting) == count)


@pytest.mark.parametrize("name", ["server_requests", "server_connections", "pool_requests"])
async def test_what_finds_no_room_waits_and_is_served_in_its_order(start, name):
    balancer, held = await started(start, **{name: 1})
    clients = []
    for number in range(4):
        clients.append(await asking(balancer, number))
        await (held.came(1) if number == 0 else queued(balancer, number))
    for number, client in enumerate(clients):
        await held.came(number + 1)
        assert balancer.live().load == 1
        await held.let_go()
        assert (await client.response()).body == b"ok"
    assert held.paths == ["/0", "/1", "/2", "/3"]
    assert (balancer.pool.limits.queued, balancer.pool.limits.in_flight) == (3, 0)
    assert len(balancer.servers[0].peers) == 1


async def test_a_full_server_is_passed_over(start):
    balancer, held = await started(start, server_requests=1)
    await balancer.answering(OK)
    await asking(balancer, 0)
    await held.came(1)
    client = await balancer.client()
    for number in range(5):
        assert (await client.ask(GET % number)).status == 200
    assert balancer.live(1).attempts == 5
    await held.let_go()


async def test_a_full_queue_is_a_503_that_says_when_to_come_again(start):
    balancer, held = await started(start, server_requests=1, queue=1)
    first = await asking(balancer, 0)
    await held.came(1)
    second = await asking(balancer, 1)
    await queued(balancer, 1)
    third = await asking(balancer, 2)
    reply = await third.response()
    assert (reply.status, reply["retry-after"]) == (503, "1")
    assert reply.body == b"503 Service Unavailable: the queue is full\n"
    assert await balancer.line() == '"GET /2" 503 web/- attempts=0'
    assert balancer.pool.limits.overflowed == 1
    for client in first, second:
        await held.let_go()
        assert (await client.response()).status == 200
        await held.came(2)


async def test_nobody_waits_longer_than_the_timeout(start):
    balancer, held = await started(start, pool_requests=1, queue_timeout_s=2)
    first = await asking(balancer, 0)
    await held.came(1)
    second = await asking(balancer, 1)
    await queued(balancer, 1)
    balancer.advance(1.5)
    await queued(balancer, 1)
    balancer.advance(1)
    reply = await second.response()
    assert (reply.status, reply["retry-after"], reply["connection"]) == (503, "1", None)
    assert balancer.pool.limits.timed_out == 1
    await held.let_go()
    assert (await first.response()).status == 200
    assert held.paths == ["/0"]


async def test_a_shorter_timeout_holds_for_those_that_wait_already(start):
    balancer, held = await started(start, pool_requests=1, queue_timeout_s=30)
    first = await asking(balancer, 0)
    await held.came(1)
    waiting = [await asking(balancer, 1)]
    await queued(balancer, 1)
    limits = {"limits": {"pool_requests": 1, "queue_timeout_s": 2}}
    balancer.pool.configure(PoolSettings.model_validate(limits))
    waiting.append(await asking(balancer, 2))
    await queued(balancer, 2)
    balancer.advance(2.5)
    assert [(await client.response()).status for client in waiting] == [503, 503]
    assert balancer.pool.limits.timed_out == 2
    await held.let_go()
    assert (await first.response()).status == 200


async def test_a_client_that_leaves_the_queue_is_no_exchange_of_any_server(start):
    balancer, held = await started(start, server_requests=1)
    first = await asking(balancer, 0)
    await held.came(1)
    second = await asking(balancer, 1)
    await queued(balancer, 1)
    second.reset()
    await queued(balancer, 0)
    third = await asking(balancer, 2)
    await queued(balancer, 1)
    for client in first, third:
        await held.let_go()
        assert (await client.response()).status == 200
        await held.came(2)
    assert held.paths == ["/0", "/2"]


async def test_a_body_that_comes_while_its_request_waits_is_kept(start):
    balancer, held = await started(start, server_requests=1)
    first = await asking(balancer, 0)
    await held.came(1)
    second = await asking(balancer, 1, POST)
    await queued(balancer, 1)
    await second.send(b"hello")
    await held.let_go()
    assert (await first.response()).status == 200
    await held.came(2)
    assert held.requests[1].body == b"hello"
    await held.let_go()
    assert (await second.response()).status == 200


async def test_other_nodes_loads_fill_a_server_too(start):
    balancer, held = await started(start, server_requests=2)
    balancer.pool.hear_loads(Place(0, 2), {"s0": 1})
    first = await asking(balancer, 0)
    await held.came(1)
    second = await asking(balancer, 1)
    await queued(balancer, 1)
    balancer.pool.hear_loads(Place(0, 2), {})
    balancer.advance(0.25)
    await held.came(2)
    for client in first, second:
        await held.let_go()
        assert (await client.response()).status == 200


async def test_a_new_server_takes_who_waits(start):
    balancer, held = await started(start, server_requests=1)
    first = await asking(balancer, 0)
    await held.came(1)
    second = await asking(balancer, 1)
    await queued(balancer, 1)
    await balancer.answering(OK)
    assert (await second.response()).status == 200
    await held.let_go()
    assert (await first.response()).status == 200


async def test_limits_that_are_taken_away_let_everybody_in(start):
    balancer, held = await started(start, server_requests=1)
    clients = [await asking(balancer, 0)]
    await held.came(1)
    clients += [await asking(balancer, number) for number in (1, 2)]
    await queued(balancer, 2)
    balancer.pool.configure(PoolSettings())
    await held.came(3)
    for client in clients:
        await held.let_go()
        assert (await client.response()).status == 200
    assert balancer.pool.limits is None


async def test_limits_that_come_under_traffic_know_what_is_under_way(start):
    balancer = await start()
    held = Held()
    await balancer.server(held)
    clients = [await asking(balancer, number) for number in range(2)]
    await held.came(2)
    balancer.pool.configure(PoolSettings.model_validate({"limits": {"pool_requests": 2}}))
    clients.append(await asking(balancer, 2))
    await queued(balancer, 1)
    for client in clients:
        await held.let_go()
        assert (await client.response()).status == 200
    assert balancer.pool.limits.in_flight == 0


async def test_an_agents_limit_holds_in_a_pool_without_any_and_ends_with_its_word(start):
    balancer = await start()
    held = Held()
    server = await balancer.server(held)
    balancer.adopt(server.address, advice=Advice(maxconn=1))
    clients = [await asking(balancer, 0)]
    await held.came(1)
    clients += [await asking(balancer, number) for number in (1, 2)]
    await queued(balancer, 2)
    assert balancer.pool.hears_loads
    balancer.adopt(server.address, advice=Advice(maxconn=2))
    await held.came(2)
    await queued(balancer, 1)
    balancer.adopt(server.address, advice=Advice(maxconn=0))
    await held.came(3)
    for client in clients:
        await held.let_go()
        assert (await client.response()).status == 200
    assert balancer.pool.limits is None


async def test_without_any_server_nobody_waits(start):
    balancer = await start(pool={"limits": {"pool_requests": 1}})
    client = await balancer.client()
    reply = await client.ask(GET % 0)
    assert (reply.status, reply["retry-after"]) == (503, None)


async def test_a_retry_goes_where_there_is_room(start):
    balancer, held = await started(start, server_requests=1)
    await (await balancer.server()).stop_listening()
    await balancer.answering(OK)
    first = await asking(balancer, 0)
    await held.came(1)
    client = await balancer.client()
    assert (await client.ask(GET % 1)).status == 200
    assert [server.attempts for server in balancer.pool.servers.values()] == [1, 1, 1]
    await held.let_go()
    assert (await first.response()).status == 200
    assert balancer.pool.limits.in_flight == 0


async def test_a_retry_leaves_room_behind(start):
    balancer, held = await started(start, server_requests=1, queue=0)
    others = [Held(), Held()]
    for other in others:
        await balancer.server(other)
    clients = [await asking(balancer, number) for number in range(3)]
    for one in (held, *others):
        await one.came(1)
    assert (await (await balancer.client()).ask(GET % 3)).status == 503  # all are known to be full
    await others[0].let_go()
    await eventually(lambda: balancer.live(1).load == 0)
    await others[1].fail()
    await others[0].came(2)
    clients.append(await asking(balancer, 4))
    await others[1].came(2)
    for one in (held, *others):
        await one.let_go()
    assert {(await client.response()).status for client in clients} == {200}


async def test_limits_that_come_under_traffic_know_of_servers_that_left(start):
    balancer = await start()
    held = Held()
    await balancer.server(held)
    client = await asking(balancer, 0)
    await held.came(1)
    balancer.adopt()
    balancer.ticker.tick()
    balancer.pool.configure(PoolSettings.model_validate({"limits": {"pool_requests": 1}}))
    assert balancer.pool.limits.in_flight == 1
    await held.let_go()
    assert (await client.response()).status == 200
    assert balancer.pool.limits.in_flight == 0


async def test_what_was_kept_in_the_queue_may_be_too_much_for_the_server_at_once(start):
    balancer = await start(pool={"limits": {"server_requests": 1}})
    server = await balancer.server(limit=1024, receive_buffer=4096)
    first = await asking(balancer, 0)
    peer = await server.accepted()
    await peer.head()
    second = await balancer.client()
    sending = asyncio.ensure_future(second.send(LARGE, *[b"x" * 65536] * 64))
    await queued(balancer, 1)
    (waiting,) = balancer.pool.limits.waiting
    await eventually(lambda: waiting.client._paused)
    (upstream,) = {client.exchange.upstream for client in balancer.listener.clients} - {None}
    upstream.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    upstream.transport.set_write_buffer_limits(high=0)
    await peer.send(OK)
    assert (await first.response()).status == 200
    await eventually(lambda: waiting.upstream is upstream)
    assert upstream.write_paused
    assert waiting.client._paused  # nothing would pause it again before the server has read
    assert len((await peer.request()).body) == 64 * 65536
    await sending
    await peer.send(OK)
    assert (await second.response()).status == 200
