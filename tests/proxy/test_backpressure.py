"""Bodies of any size pass through a bounded buffer: whoever does not read holds the other side back."""

from __future__ import annotations

import asyncio
import socket

import pytest

from cluster_lb.proxy.server import LiveServer
from tests.doubles.http_servers import OK, within
from tests.doubles.waiting import eventually

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
SIZE = 64 * 1024 * 1024  # more than the kernel's buffers on the way take
PIECE = b"x" * 65536
BOUND = 1 << 20  # of what one connection may hold: a high-water mark and a read, with room to spare


async def download(peer, framing: str) -> None:
    """Answer one request with SIZE bytes."""
    await peer.request()
    if framing == "length":
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
        await peer.send(*[PIECE] * (SIZE // len(PIECE)))
    else:
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        await peer.send(*[b"10000\r\n%b\r\n" % PIECE] * (SIZE // len(PIECE)), b"0\r\n\r\n")


async def consume(peer, count: int) -> None:
    while count:
        data = await peer.reader.read(min(count, 1 << 20))
        assert data
        count -= len(data)


def only_client(balancer):
    [connection] = balancer.listener.clients
    return connection


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_client_that_does_not_read_holds_the_server_back(balancer, framing):
    server = await balancer.server()
    client = await balancer.client()
    await client.send(GET)
    peer = await server.accepted()
    sending = asyncio.ensure_future(download(peer, framing))
    await client.head()
    connection = only_client(balancer)
    await eventually(lambda: connection.write_paused and connection.exchange.upstream._paused)
    assert connection.transport.get_write_buffer_size() < BOUND
    assert not sending.done()
    frames = 0 if framing == "length" else (SIZE // len(PIECE)) * len(b"10000\r\n\r\n") + len(b"0\r\n\r\n")
    await consume(client, SIZE + frames)
    await sending
    await balancer.kept()
    assert (await ask_again(client, peer)).status == 200  # and on the same connections
    assert len(server.peers) == 1


async def ask_again(client, peer):
    await client.send(GET)
    await peer.request()
    await peer.send(OK)
    return await client.response()


async def test_a_client_that_never_reads_on_is_cut_off(balancer, events):
    server = await balancer.server()
    client = await balancer.client()
    await client.send(GET)
    peer = await server.accepted()
    sending = asyncio.ensure_future(download(peer, "length"))
    connection = await eventually(lambda: balancer.listener.clients and only_client(balancer))
    await eventually(lambda: connection.write_paused)
    balancer.advance(61)  # the server's time does not count while it is held back
    assert balancer.lines() == []
    balancer.advance(15)
    assert await balancer.line() == '"GET /" 200 web/s0 attempts=1'
    assert (events[0]["fault"], events[0]["reason"]) == ("client", "client stalled")
    with pytest.raises(ConnectionError):
        await sending
    assert balancer.live().failures == 0


async def test_whole_answers_that_nobody_reads_leave_their_connections_usable(balancer):
    body = b"x" * 150_000  # over the high-water mark at once
    server = await balancer.answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    lazy = await balancer.client(receive_buffer=4096, limit=1024)
    await lazy.send(GET * 100)
    connection = await eventually(lambda: balancer.listener.clients and only_client(balancer))
    await eventually(lambda: connection.write_paused and not connection.exchange)
    assert connection.transport.get_write_buffer_size() < BOUND
    await balancer.kept()
    other = await balancer.client()
    assert (await other.ask(GET)).body == body
    for _ in range(100):
        assert len((await lazy.response()).body) == len(body)
    assert len(server.peers) <= 2


async def test_a_client_that_sends_requests_and_reads_no_answer_is_paused(balancer):
    await balancer.answering(b"HTTP/1.1 200 OK\r\nContent-Length: 150000\r\n\r\n" + b"x" * 150_000)
    client = await balancer.client(receive_buffer=4096, limit=1024)
    request = GET.replace(b"\r\n\r\n", b"\r\nX: %b\r\n\r\n" % (b"y" * 10_000))
    await client.send(GET * 100)
    connection = await eventually(lambda: balancer.listener.clients and only_client(balancer))
    await eventually(lambda: connection.write_paused and not connection.exchange)
    sending = asyncio.ensure_future(client.send(*[request] * 3000))
    await eventually(lambda: connection._paused)
    assert len(connection._held) < BOUND
    assert not sending.done()
    balancer.advance(76)
    await eventually(lambda: not balancer.listener.clients)
    with pytest.raises(ConnectionError):
        await sending


async def test_a_last_answer_that_is_read_slowly_is_not_cut_off_as_idle(balancer):
    await balancer.answering(b"HTTP/1.1 200 OK\r\nContent-Length: 150000\r\n\r\n" + b"x" * 150_000)
    client = await balancer.client(receive_buffer=4096, limit=1024)
    await client.send(GET * 100 + GET[:10])
    connection = await eventually(lambda: balancer.listener.clients and only_client(balancer))
    await eventually(lambda: connection.write_paused and not connection.exchange)
    balancer.advance(70)  # longer than a head may take, but the client has reading to do first
    for _ in range(100):
        assert len((await client.response()).body) == 150_000


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_server_that_does_not_read_holds_the_client_back(balancer, framing):
    server = await balancer.server()
    client = await balancer.client()
    if framing == "length":
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % SIZE)
        pieces = [PIECE] * (SIZE // len(PIECE))
    else:
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        pieces = [*[b"10000\r\n%b\r\n" % PIECE] * (SIZE // len(PIECE)), b"0\r\n\r\n"]
    sending = asyncio.ensure_future(client.send(*pieces))
    peer = await server.accepted()
    connection = only_client(balancer)
    await eventually(lambda: connection._paused)
    upstream = connection.exchange.upstream
    assert upstream.transport.get_write_buffer_size() < BOUND
    assert not connection.exchange._body.at_hand  # too much to keep
    assert not sending.done()
    await peer.head()
    await consume(peer, sum(map(len, pieces)))
    await sending
    await peer.send(OK)
    assert (await client.response()).status == 200
    await balancer.kept()


async def test_a_server_that_never_reads_on_is_a_504(balancer):
    server = await balancer.server()
    client = await balancer.client()
    await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % SIZE)
    sending = asyncio.ensure_future(client.send(*[PIECE] * (SIZE // len(PIECE))))
    await server.accepted()
    connection = only_client(balancer)
    await eventually(lambda: connection._paused)
    balancer.advance(59)
    assert balancer.lines() == []
    balancer.advance(2)
    assert (await client.response()).status == 504
    assert await balancer.line() == '"POST /" 504 web/s0 attempts=1'
    await sending


async def test_a_body_that_comes_before_the_connection_is_bounded(balancer, monkeypatch):
    server = await balancer.server()
    go = asyncio.Event()
    connect = type(balancer.live()).connect

    async def slow(self, client):
        await go.wait()
        return await connect(self, client)

    monkeypatch.setattr(type(balancer.live()), "connect", slow)
    client = await balancer.client()
    await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % SIZE)
    sending = asyncio.ensure_future(client.send(*[PIECE] * (SIZE // len(PIECE))))
    connection = await eventually(lambda: balancer.listener.clients and only_client(balancer))
    await eventually(lambda: connection._paused)
    assert connection.exchange.body_bytes < BOUND
    go.set()
    peer = await server.accepted()
    await eventually(lambda: connection._paused and connection.exchange.upstream)
    await eventually(
        lambda: connection.exchange.upstream.write_paused
    )  # now it is the server that does not read
    assert connection.exchange.upstream.transport.get_write_buffer_size() < BOUND
    await peer.head()
    await consume(peer, SIZE)
    await sending
    await peer.send(OK)
    assert (await client.response()).status == 200


async def test_a_large_body_behind_another_request_finds_a_kept_connection(balancer):
    await balancer.answering(OK)
    client = await balancer.client()
    await client.send(GET + b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000)
    assert (await client.response()).status == 200
    assert (await within(5, client.response())).status == 200
    assert balancer.live().attempts == 2


@pytest.fixture
def narrow(monkeypatch):
    """Connections to servers take little into the kernel, and their making waits for the event."""
    go = asyncio.Event()
    connect = LiveServer.connect

    async def slow(self, client):
        await go.wait()
        upstream = await connect(self, client)
        upstream.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        upstream.transport.set_write_buffer_limits(high=0)
        return upstream

    monkeypatch.setattr(LiveServer, "connect", slow)
    return go


async def test_what_was_held_while_connecting_may_be_too_much_for_the_server_at_once(balancer, narrow):
    size = 4 * 1024 * 1024
    server = await balancer.server(limit=1024, receive_buffer=4096)
    client = await balancer.client()
    await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
    sending = asyncio.ensure_future(client.send(*[PIECE] * (size // len(PIECE))))
    connection = await eventually(lambda: balancer.listener.clients and only_client(balancer))
    await eventually(lambda: connection._paused)
    narrow.set()
    upstream = await eventually(lambda: connection.exchange.upstream)
    assert upstream.write_paused
    assert connection._paused  # nothing would pause it again before the server has read
    peer = await server.accepted()
    await peer.head()
    await consume(peer, size)
    await sending
    await peer.send(OK)
    assert (await client.response()).status == 200


async def test_a_server_that_answers_without_reading_is_not_kept(balancer, narrow):
    server = await balancer.server(limit=1024, receive_buffer=4096)
    client = await balancer.client()
    await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n", b"x" * 60_000)
    connection = await eventually(lambda: balancer.listener.clients and only_client(balancer))
    await eventually(lambda: connection.exchange and connection.exchange.request_done)
    narrow.set()
    peer = await server.accepted()
    await peer.head()
    assert connection.exchange.upstream.write_paused
    await peer.send(OK)
    assert (await client.response()).status == 200
    await eventually(lambda: balancer.live().connections == 0)
    assert balancer.live().idle == []


@pytest.mark.parametrize(("answer", "status"), [(b"", 502), (b"HTTP/1.1 200 OK\r\n\r\nall of it", 200)])
async def test_a_server_that_ends_its_side_is_not_waited_for_until_it_reads(balancer, answer, status):
    server = await balancer.server(limit=1024, receive_buffer=4096)
    client = await balancer.client()
    await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % SIZE)
    sending = asyncio.ensure_future(client.send(*[PIECE] * (SIZE // len(PIECE))))
    peer = await server.accepted()
    connection = only_client(balancer)
    await eventually(lambda: connection._paused)
    await peer.send(answer)
    peer.end()
    assert (await within(5, client.response())).status == status
    sending.cancel()


async def test_a_client_that_left_unseen_is_forgotten_when_its_server_fails(balancer, narrow):
    """It is paused, so its end is not read; the answer meets nobody."""
    server = await balancer.server(limit=1024, receive_buffer=4096)
    client = await balancer.client()
    await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n", b"x" * 200_000)
    connection = await eventually(lambda: balancer.listener.clients and only_client(balancer))
    await eventually(lambda: connection._paused)
    narrow.set()
    peer = await server.accepted()
    await peer.head()
    assert connection._paused
    await client.close()
    peer.reset()
    await eventually(lambda: not balancer.listener.clients)
    assert await balancer.line() == '"POST /" 502 web/s0 attempts=1'
