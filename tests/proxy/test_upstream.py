"""A server's bytes: where its answer ends, what of its connection can be used again, and what is refused."""

from __future__ import annotations

import asyncio

import pytest

from tests.doubles.http_servers import OK, Close, Wait, within
from tests.doubles.waiting import eventually

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nall of it"


async def test_a_chunked_answer_passes_as_it_is_and_the_connection_is_kept(balancer):
    server = await balancer.answering(CHUNKED)
    client = await balancer.client()
    for _ in range(3):
        answer = await client.ask(GET)
        assert (answer["transfer-encoding"], answer.body) == ("chunked", b"3\r\nabc\r\n0\r\n\r\n")
    assert len(server.peers) == 1


async def test_trailers_pass(balancer):
    await balancer.answering(CHUNKED.replace(b"0\r\n\r\n", b"0\r\nDigest: x\r\n\r\n"))
    client = await balancer.client()
    await client.send(GET)
    await client.head()
    assert await client.read(24) == b"3\r\nabc\r\n0\r\nDigest: x\r\n\r\n"


@pytest.mark.parametrize(
    "head", [b"204 No Content\r\n", b"304 Not Modified\r\nContent-Length: 99\r\nETag: x\r\n"]
)
async def test_an_answer_without_body_ends_with_its_head_and_keeps_both_connections(balancer, head):
    server = await balancer.answering(b"HTTP/1.1 " + head + b"\r\n")
    client = await balancer.client()
    for _ in range(3):
        assert (await client.ask(GET)).status == int(head[:3])
    assert len(server.peers) == 1
    assert balancer.live().statuses[head[0] - 48] == 3


async def test_an_answer_to_head_has_no_body_whatever_its_fields(balancer):
    server = await balancer.answering(
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n",
        OK,
    )
    client = await balancer.client()
    assert (await client.ask(HEAD, "HEAD"))["content-length"] == "500"
    assert (await client.ask(HEAD, "HEAD"))["transfer-encoding"] == "chunked"
    assert (await client.ask(HEAD, "HEAD"))["x"] == "y"
    assert (await client.ask(GET)).body == b"ok"
    assert len(server.peers) == 1


async def test_the_same_head_answers_get_and_head_in_turn(balancer):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    await balancer.answering(head + b"ok", head, head + b"ok", head, head + b"ok")
    client = await balancer.client()
    for method, request in [("GET", GET), ("HEAD", HEAD)] * 2 + [("GET", GET)]:
        assert (await client.ask(request, method)).body == (b"ok" if method == "GET" else b"")


async def test_an_answer_that_ends_with_its_connection_ends_the_clients_too(balancer):
    await balancer.answering((UNTIL_CLOSE, Close()))
    client = await balancer.client()
    answer = await client.ask(GET)
    assert (answer.body, answer["connection"]) == (b"all of it", "close")
    assert await client.rest() == b""
    assert "out=9 " in (await eventually(balancer.lines))[0]


async def test_an_answer_until_close_that_is_reset_is_cut_off(balancer, events):
    go = asyncio.Event()
    await balancer.answering((UNTIL_CLOSE, Wait(go), Close(reset=True)))
    client = await balancer.client()
    await client.send(GET)
    await client.head()
    await client.read(9)
    go.set()
    with pytest.raises(ConnectionResetError):  # with less, a client would take what it has for the whole
        await client.rest()
    assert [event["reason"] for event in events] == [
        "server closed the connection: in the middle of a response"
    ]


async def cut_off(client) -> None:
    """A connection that is aborted ends for its peer with a reset, or with an end before its time."""
    await client.rest()
    raise ConnectionResetError


@pytest.mark.parametrize(
    ("begun", "body"),
    [(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", b"12345"), (CHUNKED[:-5], b"3\r\nabc\r\n")],
)
async def test_an_answer_that_breaks_off_cuts_the_client_off(balancer, events, begun, body):
    await balancer.answering((begun, Close()))
    client = await balancer.client()
    await client.send(GET)
    await client.head()
    assert await client.rest() == body  # less than the head promised: no client can take it for whole
    assert await balancer.line() == '"GET /" 200 web/s0 attempts=1'
    assert [event["reason"] for event in events] == [
        "server closed the connection: in the middle of a response"
    ]
    assert balancer.live().failures == 1


@pytest.mark.parametrize("answer", [OK, CHUNKED, b"HTTP/1.1 204 No Content\r\n\r\n"])
async def test_an_answer_may_come_byte_by_byte(balancer, answer):
    async def trickling(peer):
        while True:
            await peer.request()
            await peer.trickle(answer)

    await balancer.server(trickling)
    client = await balancer.client()
    for _ in range(3):
        body = answer.partition(b"\r\n\r\n")[2]
        assert (await client.ask(GET)).body == body


@pytest.mark.parametrize("answer", [OK, CHUNKED, b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK])
async def test_an_answer_may_be_split_anywhere(balancer, answer):
    cuts = iter(range(1, len(answer)))

    async def splitting(peer):
        while True:
            await peer.request()
            cut = next(cuts)
            await peer.send(answer[:cut])
            for _ in range(3):  # rounds of the loop in which the first part is read
                await asyncio.sleep(0)
            await peer.send(answer[cut:])

    await balancer.server(splitting)
    client = await balancer.client()
    for _ in range(1, len(answer)):
        reply = await client.ask(GET)
        while reply.status < 200:
            reply = await client.response()
        assert (reply.status, reply.body) == (200, answer.rpartition(b"200 OK")[2].partition(b"\r\n\r\n")[2])
    assert len(balancer.lines()) == len(answer) - 1


async def test_interim_answers_pass_before_the_final_one(balancer):
    await balancer.answering(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b>\r\n\r\n" + OK
    )
    client = await balancer.client()
    for _ in range(2):
        await client.send(GET)
        answers = [await client.response() for _ in range(3)]
        assert [answer.status for answer in answers] == [103, 103, 200]
        assert answers[1]["link"] == "</b>"
    assert balancer.live().statuses == [0, 0, 2, 0, 0, 0]


async def test_interim_answers_are_kept_from_http_1_0(balancer):
    await balancer.answering(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK)
    client = await balancer.client()
    assert (await client.ask(b"GET / HTTP/1.0\r\n\r\n")).status == 200


async def test_a_flood_of_interim_answers_is_a_bad_response(balancer, events):
    await balancer.answering(b"HTTP/1.1 102 Processing\r\n\r\n" * 17 + OK)
    client = await balancer.client()
    await client.send(GET)
    answers = [await client.response() for _ in range(17)]
    assert [answer.status for answer in answers] == [102] * 16 + [502]
    assert events[0]["reason"] == "invalid response: a flood of interim responses"
    await no_connection_is_left(balancer)


async def test_interim_answers_are_limited_by_their_bytes_too(balancer, events):
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: %b\r\n\r\n" % (b"x" * 30_000)
    await balancer.answering(interim * 3 + OK)
    client = await balancer.client()
    await client.send(GET)
    assert [(await client.response()).status for _ in range(3)] == [103, 103, 502]
    assert events[0]["reason"] == "invalid response: a flood of interim responses"
    await no_connection_is_left(balancer)


async def no_connection_is_left(balancer) -> None:
    """What a server sent wrongly counts against it, and its connection is closed."""
    assert balancer.live().failures == 1
    await eventually(lambda: balancer.live().connections == 0)


async def test_switching_protocols_unasked_is_a_bad_response(balancer, events):
    await balancer.answering(b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
    client = await balancer.client()
    assert (await client.ask(GET)).status == 502
    assert events[0]["reason"] == "invalid response: protocols switched unasked"
    await no_connection_is_left(balancer)


@pytest.mark.parametrize("fields", [b"", b"Connection: upgrade\r\nUpgrade: y\r\n", b"Upgrade: x\r\n"])
async def test_switching_to_other_protocols_than_were_offered_is_a_bad_response(balancer, events, fields):
    await balancer.answering(b"HTTP/1.1 101 Switching\r\n%b\r\n" % fields)
    client = await balancer.client()
    reply = await client.ask(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
    assert reply.status == 502
    assert events[0]["reason"] == "invalid response: protocols switched unasked"
    await no_connection_is_left(balancer)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"hello\r\n\r\n", "malformed status line"),
        (b"\r\n" + OK, "malformed status line"),
        (b"HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n", "malformed status line"),
        (b"HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n", "malformed header line"),
        (b"HTTP/1.1 200 OK\r\nX: y\rz\r\n\r\n", "malformed header line"),
        (b"HTTP/1.1 200 OK\r\nX: \0\r\n\r\n", "malformed header line"),
        (b"\0\0\x12\x04\r\n\r\n", "malformed status line"),  # the settings of HTTP/2 begin so
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "Content-Length is not a number"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "both Transfer-Encoding and Content-Length",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
            "a transfer coding other than a single chunked",
        ),
        (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "Transfer-Encoding in HTTP/1.0"),
        (
            b"HTTP/1.1 200 OK\r\nConnection: Content-Length\r\nContent-Length: 0\r\n\r\n",
            "Connection names content-length, which must not be dropped",
        ),
        (b"HTTP/1.1 200 OK\r\nX : y\r\n\r\n", "malformed header line"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "repeated Content-Length"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", "head is too large"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000, "head is too large"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "malformed status line"),
        (b"\x15\x03\x03\0\2\2\x46", "malformed status line"),  # a TLS alert
        (b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", "NUL or bare LF in a head"),
        (b"HTTP/1.1 200 OK\r\nX: \0", "NUL or bare LF in a head"),
    ],
)
async def test_a_bad_response_is_a_502_and_not_tried_again(balancer, events, answer, reason):
    for _ in range(2):
        await balancer.answering(answer)
    client = await balancer.client()
    reply = await within(5, client.ask(GET))
    assert (reply.status, reply.body) == (502, b"502 Bad Gateway: invalid response\n")
    assert await balancer.line() == '"GET /" 502 web/s0 attempts=1'
    assert events[0]["reason"] == "invalid response: " + reason
    assert (balancer.live().failures, balancer.pool.retries) == (1, 0)
    assert len(balancer.servers[1].peers) == 0
    await eventually(lambda: balancer.live().connections == 0)  # closed, whatever it would send next


async def test_a_malformed_chunk_cuts_the_client_off(balancer, events):
    await balancer.answering(CHUNKED.replace(b"3\r\nabc", b"4\r\nabc") + b"xxxx")
    client = await balancer.client()
    await client.send(GET)
    with pytest.raises(ConnectionResetError):
        await cut_off(client)
    assert events[0]["reason"] == "invalid response: chunk data is not followed by CRLF"
    await no_connection_is_left(balancer)


async def test_a_server_that_speaks_first_is_a_bad_response(balancer):
    async def greeting(peer):
        await peer.send(b"220 mail.example ESMTP\r\n\r\n")
        await peer.rest()

    await balancer.server(greeting)
    client = await balancer.client()
    assert (await client.ask(GET)).status == 502
    await no_connection_is_left(balancer)


async def test_chunks_are_not_sent_to_http_1_0(balancer, events):
    await balancer.answering(CHUNKED)
    client = await balancer.client()
    assert (await client.ask(b"GET / HTTP/1.0\r\n\r\n")).status == 502
    assert events[0]["reason"] == "invalid response: chunked answer to HTTP/1.0"


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("GET", OK),
        ("GET", CHUNKED),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"),
    ],
)
async def test_surplus_bytes_never_reach_the_next_client(balancer, method, answer):
    server = await balancer.answering(answer + OK.replace(b"ok", b"no"), answer)
    for _ in range(2):
        client = await balancer.client()
        reply = await client.ask(GET if method == "GET" else HEAD, method)
        assert b"no" not in reply.body
        client.end()
        assert await client.rest() == b""
    assert len(server.peers) == 2


async def test_bytes_that_nobody_asked_for_end_a_kept_connection(balancer):
    server = await balancer.answering(OK)
    client = await balancer.client()
    await client.ask(GET)
    await server.peers[0].send(OK.replace(b"ok", b"no"))
    await balancer.kept(0, 0)
    assert (await client.ask(GET)).body == b"ok"
    assert len(server.peers) == 2


@pytest.mark.parametrize(
    "answer",
    [
        OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        OK.replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
)
async def test_a_server_that_does_not_keep_its_connection_does_not_end_the_clients(balancer, answer):
    server = await balancer.answering(answer)
    client = await balancer.client()
    for _ in range(3):
        reply = await client.ask(GET)
        assert (reply.line, reply["connection"]) == ("HTTP/1.1 200 OK", None)
    assert len(server.peers) == 3
    assert balancer.live().idle == []


async def test_the_last_used_connection_is_used_first(balancer):
    server = await balancer.answering(OK)
    clients = [await balancer.client() for _ in range(3)]
    for client in clients:
        await client.send(GET)
    for client in clients:
        await client.response()
    assert len(server.peers) == 3
    last = balancer.live().idle[-1]
    for _ in range(3):
        await clients[0].ask(GET)
        assert balancer.live().idle[-1] is last


async def test_an_early_answer_does_not_leave_the_rest_of_the_request_on_the_connection(balancer):
    async def hasty(peer):
        while True:
            await peer.head()
            await peer.send(OK)

    server = await balancer.server(hasty)
    client = await balancer.client()
    reply = await client.ask(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345")
    assert reply["connection"] == "close"
    assert await client.rest() == b""
    assert (await (await balancer.client()).ask(GET)).status == 200
    assert len(server.peers) == 2


async def test_the_rest_of_a_request_that_was_answered_early_is_no_next_request(balancer):
    """The body that is still coming looks like a request; neither this server nor the next sees it as one."""
    seen: list[bytes] = []

    async def hasty(peer):
        await peer.head()
        await peer.send(OK)
        seen.append(await peer.rest())

    await balancer.server(hasty)
    client = await balancer.client()
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(smuggled)
    assert (await client.ask(head))["connection"] == "close"
    await client.send(smuggled)
    assert await client.rest() == b""
    assert balancer.live().attempts == 1
    await eventually(lambda: seen)
    assert b"smuggled" not in seen[0]


@pytest.mark.parametrize("news", ["bytes that nobody asked for", "an end"])
async def test_a_kept_connection_that_will_close_is_not_picked_any_more(balancer, news):
    await balancer.answering(OK)
    await (await balancer.client()).ask(GET)
    await balancer.kept()
    [kept] = balancer.live().idle
    if news == "an end":
        kept.eof_received()
    else:
        kept.data_received(OK)
    assert balancer.live().idle == []  # at once: another client's request may come in the same round
    kept.close()


async def test_a_known_head_of_an_answer_until_close_is_not_the_whole_of_it(balancer):
    go = asyncio.Event()
    head, body = UNTIL_CLOSE[:-9], UNTIL_CLOSE[-9:]
    await balancer.answering(OK, (head, body, Close()), (head, Wait(go), body, Close()))
    client, other = await balancer.client(), await balancer.client()
    await client.ask(GET)
    assert (await other.ask(GET)).body == body  # now the head is known
    await client.send(GET)
    answer = await client.head()
    go.set()
    assert (answer["connection"], await client.rest()) == ("close", body)
