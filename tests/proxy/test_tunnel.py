"""After 101: bytes both ways, until both sides have ended or nothing was said for long."""

from __future__ import annotations

import asyncio

import pytest

from tests.doubles.http_servers import within
from tests.doubles.waiting import eventually

UPGRADE = b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nX: y\r\n\r\n"


async def opened(balancer, early: bytes = b"", first: bytes = b""):
    """The two ends of a tunnel; the client sent `early` with its request, the server `first` with the 101."""
    server = await balancer.server()
    client = await balancer.client()
    await client.send(UPGRADE + early)
    peer = await server.accepted()
    asked = await peer.head()
    assert (asked["connection"], asked["upgrade"]) == ("upgrade", "websocket")
    await peer.send(SWITCHED + first)
    answer = await client.head()
    assert (answer.status, answer["connection"], answer["upgrade"], answer["x"]) == (
        101,
        "upgrade",
        "websocket",
        "y",
    )
    return client, peer


async def test_much_that_is_sent_before_the_switch_holds_nothing_up(balancer):
    server = await balancer.server()
    client = await balancer.client()
    await client.send(UPGRADE)
    peer = await server.accepted()
    await peer.head()
    sending = asyncio.ensure_future(client.send(*[b"x" * 65536] * 64))
    (connection,) = balancer.listener.clients
    await eventually(lambda: connection._paused)
    await peer.send(SWITCHED)
    assert (await client.head()).status == 101
    await within(5, peer.read(64 * 65536))
    await sending


async def test_bytes_pass_both_ways_untouched(balancer):
    client, peer = await opened(balancer)
    for data in b"\x00\xff", b"GET / HTTP/1.1\r\n\r\n", b"x" * 300_000:
        await client.send(data)
        assert await peer.read(len(data)) == data
        await peer.send(data)
        assert await client.read(len(data)) == data


async def test_what_was_sent_early_comes_first(balancer):
    client, peer = await opened(balancer, early=b"one", first=b"two")
    await client.send(b"three")
    assert await peer.read(8) == b"onethree"
    assert await client.read(3) == b"two"


@pytest.mark.parametrize("first", ["client", "server"])
async def test_one_side_may_end_before_the_other(balancer, first):
    client, peer = await opened(balancer)
    one, other = (client, peer) if first == "client" else (peer, client)
    one.end()
    assert await other.rest() == b""
    await other.send(b"still here")
    assert await one.read(10) == b"still here"
    assert balancer.lines() == []
    other.end()
    assert await one.rest() == b""
    assert await balancer.line() == '"GET /ws" 101 web/s0 attempts=1'
    assert " in=" in balancer.lines()[0]
    await eventually(lambda: not balancer.listener.clients)
    await eventually(lambda: not balancer.live().connections)


async def test_a_client_that_ended_before_the_switch_is_ended_for_the_server_too(balancer):
    server = await balancer.server()
    client = await balancer.client()
    await client.send(UPGRADE)
    client.end()
    peer = await server.accepted()
    await peer.head()
    await eventually(lambda: all(connection._eof for connection in balancer.listener.clients))
    await peer.send(SWITCHED)
    assert await peer.rest() == b""


@pytest.mark.parametrize("side", ["client", "server"])
async def test_a_reset_of_one_side_ends_the_other(balancer, side):
    client, peer = await opened(balancer)
    (client if side == "client" else peer).reset()
    assert await (peer if side == "client" else client).rest() == b""
    await eventually(balancer.lines)
    assert len(balancer.lines()) == 1
    assert balancer.live().load == 0


async def test_a_tunnel_is_settled_once_and_its_bytes_are_counted(balancer):
    client, peer = await opened(balancer)
    await client.send(b"12345")
    await peer.read(5)
    await peer.send(b"123")
    await client.read(3)
    await client.close()
    peer.end()
    line = (await eventually(balancer.lines))[0]
    assert " in=5 out=3 " in line
    await eventually(lambda: not balancer.live().connections)
    assert len(balancer.lines()) == 1
    assert balancer.live().statuses == [0, 1, 0, 0, 0, 0]
    assert sum(balancer.pool.latency.counts) == 0  # how long a tunnel lasts says nothing of a server


async def test_a_tunnel_in_which_nothing_is_said_for_long_is_cut(balancer):
    client, peer = await opened(balancer)
    balancer.advance(3000)
    await client.send(b"x")
    await peer.read(1)
    balancer.advance(3000)
    await peer.send(b"y")
    await client.read(1)
    balancer.advance(3599)
    assert balancer.lines() == []
    balancer.advance(2)
    assert await client.rest() == b""
    assert await peer.rest() == b""
    assert await balancer.line() == '"GET /ws" 101 web/s0 attempts=1'


@pytest.mark.parametrize("sender", ["client", "server"])
async def test_a_side_that_does_not_read_holds_the_other_back(balancer, sender):
    client, peer = await opened(balancer)
    one, other = (client, peer) if sender == "client" else (peer, client)
    size = 64 * 1024 * 1024
    sending = asyncio.ensure_future(one.send(*[b"x" * 65536] * (size // 65536)))
    [connection] = balancer.listener.clients
    upstream = connection.exchange.upstream
    paused = connection if sender == "client" else upstream
    await eventually(lambda: paused._paused)
    held = upstream.transport if sender == "client" else connection.transport
    assert held.get_write_buffer_size() < 1 << 20
    assert not sending.done()
    received = 0
    while received < size:
        received += len(await other.reader.read(1 << 20))
    await sending
    assert received == size


async def test_a_server_may_decline(balancer):
    server = await balancer.server()
    client = await balancer.client()
    await client.send(UPGRADE)
    peer = await server.accepted()
    await peer.head()
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nUpgrade: websocket\r\n\r\nno")
    reply = await client.response()
    assert (reply.status, reply["upgrade"], reply.body) == (200, None, b"no")


async def test_an_upgrade_to_http2_is_not_passed_on(balancer):
    server = await balancer.server()
    client = await balancer.client()
    await client.send(UPGRADE.replace(b"websocket", b"h2c"))
    peer = await server.accepted()
    head = await peer.head()
    assert (head["connection"], head["upgrade"]) == (None, None)
    await peer.send(SWITCHED.replace(b"websocket", b"h2c"))
    assert (await client.response()).status == 502
