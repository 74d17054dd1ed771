"""Attempts: what fails, where it is repeated, and what the client hears of it."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack

import pytest

from cluster_lb.model.address import Address
from cluster_lb.proxy import request_body
from tests.doubles.http_servers import OK, Close, HTTPServer, Message
from tests.doubles.waiting import eventually

GET = b"GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello"
PUT = POST.replace(b"POST", b"PUT")
CUT = Close()


async def test_requests_of_a_client_share_its_connection_and_one_to_the_server(balancer):
    server = await balancer.answering(OK)
    client = await balancer.client()
    for _ in range(5):
        assert (await client.ask(GET)).body == b"ok"
    assert len(server.peers) == 1
    assert balancer.live().attempts == 5
    assert balancer.live().statuses == [0, 0, 5, 0, 0, 0]
    assert sum(balancer.pool.latency.counts) == 5
    assert balancer.lines()[0].startswith('"GET /x" 200 web/s0 attempts=1 in=0 out=2 first_byte=')
    assert len(balancer.lines()) == 5


async def test_turns_go_round(balancer):
    for name in b"a", b"b", b"c":
        await balancer.answering(OK.replace(b"ok", name * 2))
    client = await balancer.client()
    assert [(await client.ask(GET)).body for _ in range(4)] == [b"aa", b"bb", b"cc", b"aa"]


async def test_without_a_server_there_is_a_503(balancer, events):
    client = await balancer.client()
    for _ in range(2):
        reply = await client.ask(GET)
        assert (reply.status, reply["connection"]) == (503, None)
        assert reply.body == b"503 Service Unavailable: no server available\n"
    assert await balancer.line() == '"GET /x" 503 web/- attempts=0'
    assert (events[0]["event"], events[0]["fault"]) == ("request failed", "us")
    assert events[0]["reason"] == "no server available: none is registered in the pool"
    assert balancer.pool.unserved == 2
    assert balancer.pool.statuses == [0, 0, 0, 0, 0, 2]


async def test_an_answer_of_ours_to_head_has_no_body(balancer):
    client = await balancer.client()
    for _ in range(2):
        reply = await client.ask(GET.replace(b"GET", b"HEAD"), "HEAD")
        assert (reply.status, reply["content-length"]) == (503, "45")


# --- connect


async def gone(balancer) -> HTTPServer:
    """A server in the pool to which no connection can be made."""
    server = await balancer.server()
    await server.stop_listening()
    return server


@pytest.mark.parametrize("request_bytes", [GET, POST])
async def test_a_server_that_cannot_be_reached_is_passed_over(balancer, request_bytes):
    seen: list[Message] = []
    await gone(balancer)
    await balancer.answering(OK, seen=seen)
    client = await balancer.client()
    assert (await client.ask(request_bytes)).status == 200
    assert seen[0].body == request_bytes.partition(b"\r\n\r\n")[2]
    assert (await balancer.line()).endswith(" 200 web/s1 attempts=2")
    assert balancer.unreachable == [("web", "s0", "cannot connect: Connection refused")]
    assert [(s.attempts, s.failures) for s in balancer.pool.servers.values()] == [(1, 1), (1, 0)]
    assert (balancer.pool.retries, balancer.live(1).statuses[2]) == (1, 1)


async def test_at_most_three_servers_are_tried_and_none_twice(balancer, events):
    for _ in range(4):
        await gone(balancer)
    client = await balancer.client()
    reply = await client.ask(GET)
    assert (reply.status, reply.body) == (502, b"502 Bad Gateway: cannot connect\n")
    tried = [server for _, server, _ in balancer.unreachable]
    assert (tried[0], len(tried), len(set(tried))) == ("s0", 3, 3)
    assert await balancer.line() == f'"GET /x" 502 web/{tried[-1]} attempts=3'
    assert events[0]["reason"] == "cannot connect: Connection refused"
    assert (await client.ask(GET)).status == 502  # the connection goes on
    tried = [server for _, server, _ in balancer.unreachable][3:]
    assert (tried[0], len(tried), len(set(tried))) == ("s1", 3, 3)


async def test_fewer_servers_than_attempts_are_each_tried_once(balancer):
    for _ in range(2):
        await gone(balancer)
    client = await balancer.client()
    assert (await client.ask(GET)).status == 502
    assert [server for _, server, _ in balancer.unreachable] == ["s0", "s1"]


async def test_the_number_of_attempts_is_a_setting(start):
    balancer = await start(pool={"attempts": 1})
    await gone(balancer)
    await balancer.answering(OK)
    client = await balancer.client()
    assert (await client.ask(GET)).status == 502


async def test_a_connect_that_takes_too_long_is_a_504(start):
    balancer = await start(pool={"timeouts": {"connect_s": 0.05}})
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())  # its queue is full: the kernel drops what comes
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        balancer.adopt(Address(*full.getsockname()))
        client = await balancer.client()
        reply = await client.ask(GET)
    assert (reply.status, reply.body) == (504, b"504 Gateway Timeout: connect timed out\n")
    assert balancer.unreachable == [("web", "s0", "connect timed out")]
    assert await balancer.line() == '"GET /x" 504 web/s0 attempts=1'


async def test_a_client_that_leaves_while_connecting_leaves_the_connection_for_others(balancer, monkeypatch):
    server = await balancer.answering(OK)
    go = asyncio.Event()
    connect = type(balancer.live()).connect

    async def slow(self, client):
        await go.wait()
        return await connect(self, client)

    monkeypatch.setattr(type(balancer.live()), "connect", slow)
    client = await balancer.client()
    await client.send(GET)
    await eventually(lambda: balancer.live().load)
    client.reset()
    await eventually(lambda: not balancer.live().load)
    assert await balancer.line() == '"GET /x" 499 web/s0 attempts=1'
    go.set()
    await balancer.kept()
    assert (await (await balancer.client()).ask(GET)).status == 200
    assert len(server.peers) == 1


# --- a server that closes


async def test_a_get_is_repeated_at_the_next_server_when_one_closes(balancer):
    await balancer.answering(CUT)
    await balancer.answering(OK)
    client = await balancer.client()
    assert (await client.ask(GET)).status == 200
    assert await balancer.line() == '"GET /x" 200 web/s1 attempts=2'
    assert balancer.live().failures == 1


async def test_part_of_a_head_does_not_prevent_a_repeat(balancer):
    await balancer.answering((OK[:10], CUT))
    await balancer.answering(OK)
    assert (await (await balancer.client()).ask(GET)).status == 200


async def test_a_post_is_not_repeated_once_a_server_may_have_acted_on_it(balancer, events):
    await balancer.answering(CUT)
    second = await balancer.answering(OK)
    client = await balancer.client()
    reply = await client.ask(POST)
    assert (reply.status, reply.body) == (502, b"502 Bad Gateway: server closed the connection\n")
    assert events[0]["reason"] == "server closed the connection"
    assert second.peers == []
    assert (await client.ask(GET)).status == 200  # the request was whole, so the connection goes on


async def test_a_put_is_repeated_with_its_body(balancer):
    seen: list[Message] = []
    await balancer.answering(CUT, seen=seen)
    await balancer.answering(CUT, seen=seen)
    await balancer.answering(OK, seen=seen)
    assert (await (await balancer.client()).ask(PUT)).status == 200
    assert [request.body for request in seen] == [b"hello"] * 3


async def test_a_body_that_is_no_longer_at_hand_prevents_a_repeat(balancer):
    size = request_body.MAX_KEPT_BYTES
    for length, status in [(size, 200), (size + 1, 502)]:
        balancer.servers.clear()
        server = await balancer.server()
        await balancer.answering(OK)
        client = await balancer.client()
        await client.send(b"PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % length)
        peer = await server.accepted()  # connected before the body comes, so that it goes through
        await peer.head()
        await client.send(b"x" * length)
        await peer.read(length)
        await peer.close()
        assert (await client.response()).status == status
        balancer.pool.tickets.take()  # so that the first server's turn is next


async def test_a_stale_kept_connection_is_nothing_against_the_server(balancer):
    first = await balancer.answering(OK, CUT)
    await balancer.answering(OK)
    client = await balancer.client()
    for _ in range(3):
        assert (await client.ask(GET)).status == 200
    assert (balancer.live().failures, len(first.peers)) == (0, 1)
    assert await balancer.line(2) == '"GET /x" 200 web/s1 attempts=2'


async def test_a_stale_connection_is_repeated_where_one_server_alone_may_be_tried(start):
    balancer = await start(pool={"attempts": 1})
    await balancer.answering(OK, CUT)
    await balancer.answering(OK)
    client = await balancer.client()
    assert [(await client.ask(GET)).status for _ in range(3)] == [200, 200, 200]


async def test_the_only_server_is_asked_again_on_a_fresh_connection(balancer):
    async def at_most_one(peer):
        await peer.request()
        await peer.send(OK)
        await peer.request()
        await peer.close()

    server = await balancer.server(at_most_one)
    clients = [await balancer.client() for _ in range(3)]
    for client in clients:
        await client.send(GET)
    for client in clients:
        assert (await client.response()).status == 200
    await balancer.kept(0, 3)
    assert (await clients[0].ask(GET)).status == 200  # though two more stale connections were at hand
    assert len(server.peers) == 4
    assert await balancer.line(3) == '"GET /x" 200 web/s0 attempts=2'


async def test_a_stale_connection_does_not_repeat_a_post(balancer):
    await balancer.answering(OK, CUT)
    client = await balancer.client()
    await client.ask(GET)
    assert (await client.ask(POST)).status == 502


async def test_a_kept_connection_that_was_closed_meanwhile_is_not_used(balancer):
    server = await balancer.answering(OK)
    client = await balancer.client()
    await client.ask(POST)
    await balancer.kept()
    await server.peers[0].close()
    await balancer.kept(0, 0)
    assert (await client.ask(POST)).status == 200


async def test_only_a_server_that_failed_otherwise_is_not_asked_again(balancer):
    await balancer.answering(CUT)
    assert (await (await balancer.client()).ask(GET)).status == 502
    assert balancer.live().attempts == 1


# --- a server that is silent


async def test_a_server_that_does_not_answer_in_time_is_a_504(balancer, events):
    server = await balancer.server()
    await balancer.answering(OK)
    client = await balancer.client()
    await client.send(GET)
    peer = await server.accepted()
    await peer.head()
    balancer.advance(59)
    assert balancer.lines() == []
    balancer.advance(2)
    reply = await client.response()
    assert (reply.status, reply.body) == (504, b"504 Gateway Timeout: response timed out\n")
    assert await peer.rest() == b""
    assert await balancer.line() == '"GET /x" 504 web/s0 attempts=1'
    assert events[0]["fault"] == "upstream"
    assert (balancer.live().failures, balancer.pool.retries) == (1, 0)
    assert (await client.ask(GET)).status == 200


async def test_every_byte_of_an_answer_starts_the_time_again(balancer):
    server = await balancer.server()
    client = await balancer.client()
    await client.send(GET)
    peer = await server.accepted()
    await peer.head()
    [connection] = balancer.listener.clients
    for piece in b"HTTP/1.1 103 Early Hints\r\n\r\n", OK[:20], OK[20:-1]:
        balancer.advance(45)
        await peer.send(piece)
        since = connection.exchange.upstream.since
        await eventually(lambda since=since: connection.exchange.upstream.since > since)
    balancer.advance(61)
    await client.head()
    with pytest.raises(asyncio.IncompleteReadError):
        await client.response()
    assert await balancer.line() == '"GET /x" 200 web/s0 attempts=1'


# --- the answer that is added to


async def test_the_server_is_named_where_that_is_asked_for(start):
    balancer = await start(debug_headers=True)
    await balancer.answering(OK)
    await balancer.answering(OK)
    client = await balancer.client()
    assert [(await client.ask(GET))["x-served-by"] for _ in range(4)] == ["s0", "s1", "s0", "s1"]
