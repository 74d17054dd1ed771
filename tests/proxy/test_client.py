"""A client's bytes: cut into requests, answered in order, refused where they could be read in two ways."""

from __future__ import annotations

import asyncio

import pytest

from tests.doubles.http_servers import OK, Message, Wait, within
from tests.doubles.waiting import eventually

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED_BODY = b"5\r\nhello\r\n0\r\n\r\n"
POST = b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED_BODY


def numbered(number: int, lines: bytes = b"") -> bytes:
    return b"GET /%d HTTP/1.1\r\nHost: a\r\n%b\r\n" % (number, lines)


async def echo(peer) -> None:
    """Answers with the request line and the body."""
    while True:
        request = await peer.request()
        text = f"{request.line}|".encode() + request.body
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text), text)


# --- what the server gets


async def test_a_request_is_forwarded_with_who_asked(balancer):
    seen: list[Message] = []
    await balancer.answering(OK, seen=seen)
    client = await balancer.client()
    lines = b"Accept:  x\r\nX-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nKeep-Alive: 1\r\n"
    for _ in range(2):  # analysed, and remembered
        await client.ask(
            b"GET /x?y HTTP/1.1\r\nHost: a.example\r\nConnection: keep-alive\r\n" + lines + b"\r\n"
        )
    assert seen[0] == seen[1]
    assert seen[0].line == "GET /x?y HTTP/1.1"
    assert seen[0].headers == (
        ("host", "a.example"),
        ("accept", "x"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "a.example"),
        ("forwarded", "for=127.0.0.1;host=a.example;proto=http"),
    )


async def test_a_trusted_proxy_is_believed(start):
    balancer = await start(trusted_proxies=["127.0.0.0/8", "::1"])
    seen: list[Message] = []
    await balancer.answering(OK, seen=seen)
    client = await balancer.client()
    await client.ask(numbered(1, b"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n"))
    assert seen[0]["x-forwarded-for"] == "6.6.6.6, 127.0.0.1"
    assert seen[0]["x-forwarded-proto"] == "https"


async def test_two_clients_with_one_field_block_are_told_apart(start):
    balancer = await start(bind="[::]:0", trusted_proxies=["127.0.0.1"])
    seen: list[Message] = []
    await balancer.answering(OK, seen=seen)
    for host in "127.0.0.1", "::1":
        client = await balancer.client(host)
        await client.ask(numbered(1, b"X-Forwarded-For: 6.6.6.6\r\n"))
    assert [request["x-forwarded-for"] for request in seen] == ["6.6.6.6, 127.0.0.1", "::1"]
    assert [request["forwarded"] for request in seen] == [
        "for=127.0.0.1;host=a;proto=http",
        'for="[::1]";host=a;proto=http',
    ]


async def test_absolute_form_is_forwarded_in_origin_form(balancer):
    seen: list[Message] = []
    await balancer.answering(OK, seen=seen)
    client = await balancer.client()
    await client.ask(b"GET http://A.example:80/x?y HTTP/1.1\r\nHost: a.example:80\r\n\r\n")
    await client.ask(b"GET http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n")
    await client.ask(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
    lines = ["GET /x?y HTTP/1.1", "GET / HTTP/1.1", "OPTIONS * HTTP/1.1"]
    assert [request.line for request in seen] == lines
    assert seen[1]["host"] == "a"


async def test_a_client_that_closes_its_connection_does_not_close_the_servers(balancer):
    server = await balancer.answering(OK)
    for _ in range(3):
        client = await balancer.client()
        reply = await client.ask(numbered(1, b"Connection: close\r\n"))
        assert reply["connection"] == "close"
        assert await client.rest() == b""
    assert len(server.peers) == 1


# --- versions


async def test_http_1_0_ends_with_the_answer_unless_it_asks_to_keep(balancer):
    await balancer.answering(OK)
    client = await balancer.client()
    for _ in range(2):
        reply = await client.ask(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert (reply.line, reply["connection"]) == ("HTTP/1.1 200 OK", "keep-alive")
    reply = await client.ask(b"GET / HTTP/1.0\r\n\r\n")
    assert reply["connection"] == "close"
    assert await client.rest() == b""


async def test_the_version_of_each_request_counts_whatever_came_before(balancer):
    await balancer.answering(OK)
    client = await balancer.client()
    assert (await client.ask(GET))["connection"] is None
    assert (await client.ask(GET))["connection"] is None
    assert (await client.ask(GET.replace(b"1.1", b"1.0")))["connection"] == "close"
    assert await client.rest() == b""


# --- bodies


@pytest.mark.parametrize("request_bytes", [POST, CHUNKED])
async def test_bodies_pass_as_they_are_framed(balancer, request_bytes):
    await balancer.server(echo)
    client = await balancer.client()
    line, _, body = request_bytes.partition(b" HTTP/1.1\r\n")[0], *request_bytes.partition(b"\r\n\r\n")[1:]
    for _ in range(3):
        assert (await client.ask(request_bytes)).body == line + b" HTTP/1.1|" + body
    assert len(balancer.servers[0].peers) == 1
    assert f" in={len(body)} " in balancer.lines()[2]


@pytest.mark.parametrize("request_bytes", [GET, POST, CHUNKED, b"\r\n" + GET])
async def test_a_request_may_be_split_anywhere(balancer, request_bytes):
    await balancer.server(echo)
    client = await balancer.client()
    whole = (await client.ask(request_bytes)).body
    for cut in range(1, len(request_bytes)):
        client.writer.write(request_bytes[:cut])
        for _ in range(3):  # rounds of the loop in which the first part is read
            await asyncio.sleep(0)
        assert (await client.ask(request_bytes[cut:])).body == whole


@pytest.mark.parametrize("request_bytes", [GET, POST, CHUNKED])
async def test_a_request_may_come_byte_by_byte(balancer, request_bytes):
    await balancer.server(echo)
    client = await balancer.client()
    await client.trickle(request_bytes * 2)
    first = await client.response()
    assert first.status == 200
    assert (await client.response()).body == first.body


async def test_expect_continue_is_between_client_and_server(balancer):
    async def careful(peer):
        while True:
            head = await peer.head()
            assert head["expect"] == "100-continue"
            await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", await peer.read(5))

    await balancer.server(careful)
    client = await balancer.client()
    for _ in range(2):
        head, body = (
            POST.replace(b"Host: a\r\n", b"Host: a\r\nExpect: 100-continue\r\n").split(b"hello")[0],
            b"hello",
        )
        assert (await client.ask(head)).status == 100
        assert (await client.ask(body)).body == b"hello"


async def test_a_refused_expectation_ends_the_connection(balancer):
    async def refusing(peer):
        await peer.head()
        await peer.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    await balancer.server(refusing)
    client = await balancer.client()
    reply = await client.ask(POST[:-5].replace(b"Host: a\r\n", b"Host: a\r\nExpect: 100-continue\r\n"))
    assert (reply.status, reply["connection"]) == (403, "close")
    assert await client.rest() == b""


# --- one after the other


async def test_pipelined_requests_are_answered_in_order(balancer):
    for _ in range(3):
        await balancer.server(echo)
    client = await balancer.client()
    await client.send(
        GET + POST + numbered(1) + CHUNKED + b"\r\n" + numbered(2) + b"HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    bodies = [(await client.response()).body for _ in range(5)]
    assert bodies == [
        b"GET / HTTP/1.1|",
        b"POST /p HTTP/1.1|hello",
        b"GET /1 HTTP/1.1|",
        b"POST /c HTTP/1.1|" + CHUNKED_BODY,
        b"GET /2 HTTP/1.1|",
    ]


@pytest.mark.parametrize("servers", [0, 1])
async def test_thousands_of_requests_may_come_at_once(balancer, servers):
    for _ in range(servers):
        await balancer.server(echo)
    client = await balancer.client()
    client.writer.write(b"".join(numbered(number) for number in range(3000)))
    for number in range(3000):
        reply = await client.response()
        if servers:
            assert reply.body == b"GET /%d HTTP/1.1|" % number
        else:
            assert reply.status == 503
    assert len(balancer.lines()) == 3000


async def test_a_bad_request_is_answered_after_those_before_it_and_is_the_last(balancer):
    go = asyncio.Event()
    await balancer.answering((Wait(go), OK))
    client = await balancer.client()
    await client.send(GET + GET + b"GET / HTTP/9.9\r\nHost: a\r\n\r\n" + GET)
    go.set()
    assert [(await client.response()).status for _ in range(3)] == [200, 200, 505]
    assert await client.rest() == b""
    assert balancer.live().attempts == 2


async def test_a_request_after_connection_close_is_not_taken(balancer):
    await balancer.answering(OK)
    client = await balancer.client()
    await client.send(numbered(1, b"Connection: close\r\n") + numbered(2))
    assert (await client.response()).status == 200
    assert await client.rest() == b""
    assert balancer.live().attempts == 1


async def test_a_client_that_sends_no_more_gets_all_its_answers(balancer):
    await balancer.server(echo)
    client = await balancer.client()
    await client.send(numbered(1) + numbered(2) + numbered(3))
    client.end()
    assert [(await client.response()).body[:6] for _ in range(3)] == [b"GET /1", b"GET /2", b"GET /3"]
    assert await client.rest() == b""


async def test_an_end_behind_half_a_request_that_was_sent_ahead_is_seen_when_its_turn_comes(balancer):
    go = asyncio.Event()
    await balancer.answering((Wait(go), OK))
    client = await balancer.client()
    await client.send(GET, b"POST /half HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345")
    client.end()
    [connection] = await eventually(lambda: balancer.listener.clients)
    await eventually(lambda: connection._eof)
    go.set()
    assert (await client.response()).status == 200
    assert await within(5, client.rest()) == b""
    assert await balancer.line(1) == '"POST /half" 499 web/s0 attempts=1'


async def test_half_a_request_and_an_end_is_nothing(balancer):
    await balancer.answering(OK)
    client = await balancer.client()
    await client.send(GET + GET[:-1])
    client.end()
    assert (await client.response()).status == 200
    assert await client.rest() == b""


async def test_a_client_that_sends_far_ahead_is_paused(balancer):
    go = asyncio.Event()
    await balancer.answering((Wait(go), OK))
    client = await balancer.client()
    await client.send(GET)
    await eventually(lambda: balancer.live().load == 1)
    sending = asyncio.ensure_future(client.send(*[numbered(1, b"X: %b\r\n" % (b"y" * 20_000))] * 1000))
    [connection] = balancer.listener.clients
    await eventually(lambda: connection._paused)
    held = len(connection._held)
    assert held < 1 << 20
    assert not sending.done()
    go.set()
    for _ in range(1001):
        assert (await client.response()).status == 200
    await sending


# --- refusals


@pytest.mark.parametrize(
    ("request_bytes", "status", "reason"),
    [
        (b"GET /\r\n\r\n", 400, "malformed request line"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "missing Host"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "repeated Host"),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, "malformed header line"),
        (b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "the target names another host than Host"),
        (b"GET http://a:8080/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "the target names another host than Host"),
        (b"GET http://:80/ HTTP/1.0\r\n\r\n", 400, "the target names another host than Host"),
        (b"GET http://a/ HTTP/1.0\r\n\r\n", 400, "the target names another host than Host"),
        (b"\r\n\r\n" + GET, 400, "malformed request line"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n", 400, "malformed header line"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400, "malformed header line"),
        (b"GET a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 400, "malformed request target"),
        (b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed request target"),
        (b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405, "TRACE is not served"),
        (b"TRACE http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 405, "TRACE is not served"),
        (
            b"GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
            400,
            "Upgrade in HTTP/1.0",
        ),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 405, "CONNECT is not served"),
        (b"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", 405, "CONNECT is not served"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 417, "unknown expectation"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "HTTP version is not 1.0 or 1.1"),
        (
            b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            "Transfer-Encoding in HTTP/1.0",
        ),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
            400,
            "both Transfer-Encoding and Content-Length",
        ),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n\r\n",
            400,
            "malformed chunk-size line",
        ),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 100 + b"\r\n", 431, "more than 100 header lines"),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 40_000 + b"\r\n\r\n",
            431,
            "head is longer than 32768 bytes",
        ),
        (b"GET /" + b"y" * 40_000, 431, "head is longer than 32768 bytes"),
    ],
)
async def test_a_request_that_is_refused_is_answered_logged_and_the_last(
    balancer, events, request_bytes, status, reason
):
    await balancer.answering(OK)
    client = await balancer.client()
    reply = await client.ask(request_bytes + (b"" if status == 431 else GET))
    assert (reply.status, reply["connection"], reply["server"]) == (status, "close", "cluster-lb")
    assert await client.rest() == b""
    assert balancer.ledger.refused == {status: 1}
    assert balancer.live().attempts == 0
    assert balancer.lines() == [f'"-" {status} -/- reason="{reason}"']
    [event] = events
    assert (event["event"], event["client"], event["reason"]) == ("request refused", "127.0.0.1", reason)


@pytest.mark.parametrize(
    ("begun", "reason"),
    [
        (b"\r\n\r\n", "more than one empty line before a request"),
        (b"GET / HTTP/1.1\nHost: a\n\n", "NUL or bare LF in a head"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: \0", "NUL or bare LF in a head"),
        (b"\x16\x03\x01\x02\x00\x01\x00", "NUL or bare LF in a head"),
    ],
)
async def test_what_can_become_no_head_is_refused_without_waiting_for_its_end(balancer, begun, reason):
    client = await balancer.client()
    reply = await client.ask(begun)
    assert (reply.status, reply["connection"]) == (400, "close")
    assert balancer.lines() == [f'"-" 400 -/- reason="{reason}"']


async def test_trace_is_served_where_that_is_set_and_has_no_body(start):
    balancer = await start(allow_trace=True)
    seen: list[Message] = []
    await balancer.answering(OK, seen=seen)
    client = await balancer.client()
    for _ in range(2):
        assert (await client.ask(b"TRACE /x HTTP/1.1\r\nHost: a\r\n\r\n")).status == 200
    assert [request.line for request in seen] == ["TRACE /x HTTP/1.1"] * 2
    reply = await client.ask(b"TRACE /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
    assert (reply.status, reply["connection"]) == (400, "close")


async def test_an_empty_line_between_requests_is_no_begun_head(balancer):
    await balancer.answering(OK)
    client = await balancer.client()
    await client.ask(GET)
    await client.send(b"\r\n")
    [connection] = balancer.listener.clients
    await eventually(lambda: connection._held == b"\r\n")
    balancer.advance(30)
    await client.send(GET[:10])
    await eventually(lambda: len(connection._held) == 12)
    balancer.advance(9)  # the head's time has begun with its first byte
    assert (await client.ask(GET[10:])).status == 200


@pytest.mark.parametrize("cut", range(5))
async def test_a_second_empty_line_is_refused_wherever_it_is_cut(balancer, cut):
    await balancer.answering(OK)
    client = await balancer.client()
    await client.send(b"\r\n\r\n"[:cut])
    if cut:
        [connection] = await eventually(lambda: balancer.listener.clients)
        await eventually(lambda: connection._held or connection.closing)
    assert (await client.ask(b"\r\n\r\n"[cut:] + GET)).status == 400


async def test_a_long_request_line_is_refused_on_a_connection_that_is_known(balancer):
    await balancer.answering(OK)
    client = await balancer.client()
    for _ in range(3):
        await client.ask(GET)
    assert (await client.ask(GET.replace(b"/ ", b"/" + b"y" * 33_000 + b" "))).status == 431


async def test_a_head_up_to_the_limit_is_taken(start):
    balancer = await start(max_head_bytes=1024)
    await balancer.answering(OK)
    client = await balancer.client()
    padding = 1024 - len(numbered(1, b"X: \r\n"))
    assert (await client.ask(numbered(1, b"X: %b\r\n" % (b"y" * padding)))).status == 200
    assert (await client.ask(numbered(1, b"X: %b\r\n" % (b"y" * (padding + 1))))).status == 431


@pytest.mark.parametrize(
    "request_bytes", [POST, CHUNKED, CHUNKED[: -len(CHUNKED_BODY)] + b"ffffff\r\n" + b"x" * 100_000]
)
async def test_a_body_over_the_limit_is_a_413(start, request_bytes):
    balancer = await start(max_body_bytes=4)
    await balancer.answering(OK)
    client = await balancer.client()
    client.writer.write(request_bytes)
    reply = await client.response()
    assert (reply.status, reply["connection"]) == (413, "close")
    assert balancer.lines() == ['"-" 413 -/- reason="body is longer than 4 bytes"']
    assert balancer.live().attempts == 0


async def test_a_body_up_to_the_limit_is_taken(start):
    balancer = await start(max_body_bytes=5)
    await balancer.answering(OK)
    client = await balancer.client()
    assert (await client.ask(POST)).status == 200
    assert (await client.ask(CHUNKED)).status == 200


@pytest.mark.parametrize(
    ("rest", "status", "reason"),
    [(b"ff\r\n", 413, "body is longer than 20 bytes"), (b"zz\r\n", 400, "malformed chunk-size line")],
)
async def test_a_body_that_goes_wrong_on_its_way_is_answered_and_hidden_from_the_server(
    start, events, rest, status, reason
):
    balancer = await start(max_body_bytes=20)
    server = await balancer.server()
    client = await balancer.client()
    await client.send(CHUNKED[:-5])
    peer = await server.accepted()
    await peer.head()
    await peer.read(10)
    reply = await client.ask(rest)
    assert (reply.status, reply["connection"]) == (status, "close")
    assert await peer.rest() == b""  # cut off before the end: it cannot take the body for whole
    assert await balancer.line() == f'"POST /c" {status} web/s0 attempts=1'
    [event] = events
    assert (event["log_level"], event["fault"], event["reason"]) == ("info", "client", reason)
    assert balancer.live().failures == 0


async def test_a_refused_client_that_is_still_sending_gets_the_answer(balancer):
    client = await balancer.client()
    client.writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n")
    sending = asyncio.ensure_future(client.send(*[b"x" * 100_000] * 500))
    assert (await client.response()).status == 503  # there is no server
    await sending
    assert await client.rest() == b""


async def refused(balancer):
    """A client that has its answer, and the connection that it may still send on."""
    client = await balancer.client()
    assert (await client.ask(b"bad\r\n\r\n")).status == 400
    assert await client.rest() == b""
    [connection] = balancer.listener.clients
    return client, connection


async def test_a_refused_client_that_sends_no_more_is_closed(balancer):
    client, _ = await refused(balancer)
    await client.send(b"more")
    balancer.advance(1.9)
    assert len(balancer.listener.clients) == 1
    balancer.advance(2.1)
    await eventually(lambda: not balancer.listener.clients)


async def test_a_refused_client_is_not_listened_to_for_ever(balancer):
    client, connection = await refused(balancer)
    for _ in range(20):
        balancer.advance(1.5)
        assert not connection.transport.is_closing()
        await client.send(b"more")
        await eventually(lambda: connection.since == balancer.ticker.now)
    balancer.advance(0.1)
    await eventually(lambda: not balancer.listener.clients)


# --- the tick


async def test_a_new_connection_that_says_nothing_is_closed(balancer):
    client = await balancer.client()
    await eventually(lambda: balancer.listener.clients)
    balancer.advance(9.9)
    assert len(balancer.listener.clients) == 1
    balancer.advance(0.5)
    assert await client.rest() == b""
    assert balancer.lines() == []


async def test_a_head_that_does_not_arrive_in_time_is_a_408(balancer):
    client = await balancer.client()
    await client.send(GET[:10])
    [connection] = await eventually(lambda: balancer.listener.clients)
    await eventually(lambda: connection._held)
    balancer.advance(6)
    await client.send(GET[10:15])
    await eventually(lambda: len(connection._held) == 15)
    balancer.advance(4.5)  # counted from the first byte, not from the last
    reply = await client.response()
    assert (reply.status, reply["connection"]) == (408, "close")
    assert balancer.lines() == ['"-" 408 -/- reason="request head did not arrive in time"']


async def test_the_head_of_a_later_request_has_its_full_time(balancer):
    await balancer.answering(OK)
    client = await balancer.client()
    await client.ask(GET)
    await balancer.settled()
    balancer.advance(60)
    await client.send(GET[:10])
    [connection] = balancer.listener.clients
    await eventually(lambda: connection._held)
    balancer.advance(9)
    assert (await client.ask(GET[10:])).status == 200
    await client.send(GET[:10])
    await eventually(lambda: connection._held)
    balancer.advance(11)
    assert (await client.response()).status == 408


async def test_empty_lines_do_not_keep_a_connection_open(balancer):
    client = await balancer.client()
    await eventually(lambda: balancer.listener.clients)
    for _ in range(6):
        if not balancer.listener.clients:
            return
        await client.send(b"\r\n")
        for _ in range(3):  # rounds of the loop in which it is read
            await asyncio.sleep(0)
        balancer.advance(5)
    raise AssertionError("still open after 30 s without a request")


async def test_a_kept_connection_that_is_silent_is_closed(balancer):
    await balancer.answering(OK)
    client = await balancer.client()
    await client.ask(GET)
    await balancer.settled()
    balancer.advance(74)
    assert (await client.ask(GET)).status == 200
    await balancer.settled()
    balancer.advance(74)
    assert len(balancer.listener.clients) == 1
    balancer.advance(2)
    assert await client.rest() == b""


async def test_a_body_that_stalls_is_a_408(balancer, events):
    await balancer.answering(OK)
    client = await balancer.client()
    await client.send(POST[:-2])
    await eventually(lambda: balancer.live().connections)
    balancer.advance(74)
    assert len(balancer.lines()) == 0
    balancer.advance(2)
    reply = await client.response()
    assert (reply.status, reply["connection"]) == (408, "close")
    assert await balancer.line() == '"POST /p" 408 web/s0 attempts=1'
    assert (events[0]["fault"], events[0]["reason"]) == ("client", "client stalled")
    assert balancer.live().failures == 0
    assert balancer.ledger.refused == {}


# --- who goes away


async def test_a_client_that_leaves_in_the_middle_of_its_request_is_a_499(balancer, events):
    server = await balancer.server()
    client = await balancer.client()
    await client.send(POST[:-2])
    peer = await server.accepted()
    await peer.head()
    await client.close()
    assert await balancer.line() == '"POST /p" 499 web/s0 attempts=1'
    assert await peer.rest() == POST[-5:-2]
    assert [(event["log_level"], event["fault"]) for event in events] == [("info", "client")]
    assert balancer.live().statuses == [0, 0, 0, 0, 1, 0]
    assert balancer.live().failures == 0


async def test_a_client_that_resets_while_it_waits_is_a_499_and_the_server_is_told(balancer):
    server = await balancer.server()
    client = await balancer.client()
    await client.send(GET)
    peer = await server.accepted()
    await peer.head()
    client.reset()
    assert await balancer.line() == '"GET /" 499 web/s0 attempts=1'
    assert await peer.rest() == b""


async def test_a_client_that_resets_in_the_middle_of_its_answer_keeps_the_status_and_is_logged(
    balancer, events
):
    server = await balancer.server()
    client = await balancer.client()
    await client.send(GET)
    peer = await server.accepted()
    await peer.head()
    await peer.send(OK[:-1])
    await client.head()
    client.reset()
    assert await balancer.line() == '"GET /" 200 web/s0 attempts=1'
    assert await peer.rest() == b""
    assert events[0]["reason"] == "client went away"


# --- draining


async def test_while_draining_the_answer_under_way_is_the_last(balancer):
    go = asyncio.Event()
    await balancer.answering(OK, (Wait(go), OK))
    client = await balancer.client()
    await client.ask(GET)
    await client.send(GET)
    await eventually(lambda: balancer.live().load)
    balancer.listener.drain()
    go.set()
    reply = await client.response()
    assert reply.status == 200
    if reply["connection"] is None:  # its end was fixed before: then it is the next one, or silence
        await balancer.settled()
        balancer.advance(1.5)
    assert await client.rest() == b""


async def test_while_draining_a_silent_connection_is_closed_soon_but_not_under_a_request(balancer):
    await balancer.answering(OK)
    silent, busy = await balancer.client(), await balancer.client()
    await silent.ask(GET)
    await busy.ask(GET)
    await balancer.settled()
    balancer.listener.drain()
    balancer.advance(0.75)
    reply = await busy.ask(GET)
    assert (reply.status, reply["connection"]) == (200, "close")
    assert await busy.rest() == b""
    balancer.advance(0.5)
    assert await silent.rest() == b""
