"""What a response head says, the head as the client gets it, and what is refused."""

from __future__ import annotations

import pytest

from cluster_lb.wire.errors import BadResponseError
from cluster_lb.wire.framing import Framing
from cluster_lb.wire.response_head import MAX_HEADER_LINES, check_begun_head, parse_response_head


def parse(*lines: bytes):
    return parse_response_head(b"".join(line + b"\r\n" for line in (*lines, b"")))


def refusal(head: bytes) -> str:
    with pytest.raises(BadResponseError) as caught:
        parse_response_head(head)
    return caught.value.reason


@pytest.mark.parametrize(
    ("line", "status", "forward"),
    [
        (b"HTTP/1.1 200 OK", 200, b"HTTP/1.1 200 OK\r\n"),
        (b"HTTP/1.0 404 Not Found", 404, b"HTTP/1.1 404 Not Found\r\n"),
        (b"HTTP/1.1 599 ", 599, b"HTTP/1.1 599 \r\n"),
        (b"HTTP/1.1 204", 204, b"HTTP/1.1 204 \r\n"),
        (b"HTTP/1.1 200 \xfcbel\tgut", 200, b"HTTP/1.1 200 \xfcbel\tgut\r\n"),
    ],
)
def test_the_status_line_is_forwarded_as_http_1_1(line, status, forward):
    head = parse(line)
    assert (head.status, head.forward) == (status, forward)


@pytest.mark.parametrize(
    ("line", "as_it_came"),
    [(b"HTTP/1.1 200 OK", True), (b"HTTP/1.1 200 ", True), (b"HTTP/1.1 200", False)],
)
def test_a_status_line_without_its_last_space_never_goes_on_as_it_came(line, as_it_came):
    head = parse(line, b"Connection: keep-alive", b"Content-Length: 0")
    assert head.says_keep_alive is as_it_came


@pytest.mark.parametrize(
    "line",
    [
        b"HTTP/1.1 200 OK\n",
        b"HTTP/2 200 OK\r\n",
        b"HTTP/1.2 200 OK\r\n",
        b"http/1.1 200 OK\r\n",
        b"HTTP/1.1  200 OK\r\n",
        b"HTTP/1.1 20 OK\r\n",
        b"HTTP/1.1 2000 OK\r\n",
        b"HTTP/1.1 099 OK\r\n",
        b"HTTP/1.1 600 OK\r\n",
        b"HTTP/1.1 +20 OK\r\n",
        b"HTTP/1.1 200 O\x00K\r\n",
        b"HTTP/1.1 200 O\rK\r\n",
        b"ICY 200 OK\r\n",
        b" HTTP/1.1 200 OK\r\n",
        b"\r\nHTTP/1.1 200 OK\r\n",
    ],
)
def test_a_malformed_status_line_is_refused(line):
    assert refusal(line + b"Content-Length: 0\r\n\r\n") == "malformed status line"


@pytest.mark.parametrize(
    "block",
    [
        b"X : a\r\n\r\n",
        b"X: a\r\n folded\r\n\r\n",
        b"X: a\rb\r\n\r\n",
        b"X: a\nY: b\r\n\r\n",
        b"X: \x00\r\n\r\n",
        b": a\r\n\r\n",
        b"X\r\n\r\n",
    ],
)
def test_a_block_that_breaks_the_grammar_is_refused(block):
    assert refusal(b"HTTP/1.1 200 OK\r\n" + block) == "malformed header line"


def test_more_lines_than_the_limit_are_refused():
    lines = b"X: y\r\n" * MAX_HEADER_LINES
    assert parse_response_head(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n").status == 200
    assert refusal(b"HTTP/1.1 200 OK\r\n" + lines + b"X: y\r\n\r\n") == "more than 100 header lines"


@pytest.mark.parametrize(
    ("lines", "framing", "length"),
    [
        ([], Framing.CLOSE, 0),
        ([b"Content-Length: 0"], Framing.NONE, 0),
        ([b"Content-Length: 7"], Framing.LENGTH, 7),
        ([b"Transfer-Encoding: chunked"], Framing.CHUNKED, 0),
    ],
)
def test_framing(lines, framing, length):
    head = parse(b"HTTP/1.1 200 OK", *lines)
    assert (head.framing_for(b"GET"), head.length) == (framing, length)


@pytest.mark.parametrize(
    ("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304), (b"GET", 100), (b"GET", 103)]
)
@pytest.mark.parametrize("line", [b"X: y", b"Content-Length: 7", b"Transfer-Encoding: chunked"])
def test_some_answers_never_have_a_body(method, status, line):
    head = parse(b"HTTP/1.1 %d Y" % status, line)
    assert head.framing_for(method) is Framing.NONE


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (b"Content-Length: 1\r\nContent-Length: 1\r\n", "repeated Content-Length"),
        (b"Content-Length: 1, 1\r\n", "Content-Length is not a number"),
        (b"Content-Length: -1\r\n", "Content-Length is not a number"),
        (b"Content-Length: +1\r\n", "Content-Length is not a number"),
        (b"Content-Length:\r\n", "Content-Length is not a number"),
        (b"Content-Length: 1000000000000000000\r\n", "Content-Length is too large"),
        (b"Transfer-Encoding: gzip\r\n", "a transfer coding other than a single chunked"),
        (
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            "a transfer coding other than a single chunked",
        ),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", "both Transfer-Encoding and Content-Length"),
        (b"Transfer-Encoding: gzip, chunked\r\n", "a transfer coding other than a single chunked"),
    ],
)
def test_what_two_parsers_could_frame_in_two_ways_is_refused(lines, reason):
    assert refusal(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n") == reason


@pytest.mark.parametrize("status", [100, 103, 204])
@pytest.mark.parametrize("line", [b"Content-Length: 7", b"Transfer-Encoding: chunked"])
def test_where_no_body_can_be_no_field_promises_one_to_the_client(status, line):
    head = parse(b"HTTP/1.1 %d Y" % status, b"A: b", line, b"C: d")
    assert head.forward == b"HTTP/1.1 %d Y\r\nA: b\r\nC: d\r\n" % status


def test_a_length_of_304_is_that_of_200_and_passes():
    assert b"Content-Length: 7\r\n" in parse(b"HTTP/1.1 304 Not Modified", b"Content-Length: 7").forward


def test_a_malformed_upgrade_is_refused():
    assert refusal(b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: a b\r\n\r\n") == "malformed Upgrade"


def test_a_transfer_coding_in_http_1_0_is_refused():
    assert (
        refusal(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") == "Transfer-Encoding in HTTP/1.0"
    )


@pytest.mark.parametrize(
    ("lines", "reusable"),
    [
        ([b"HTTP/1.1 200 OK", b"Content-Length: 1"], True),
        ([b"HTTP/1.1 200 OK", b"Content-Length: 1", b"Connection: X, Close"], False),
        ([b"HTTP/1.0 200 OK", b"Content-Length: 1"], False),
        ([b"HTTP/1.0 200 OK", b"Content-Length: 1", b"Connection: keep-alive"], True),
        ([b"HTTP/1.1 204 No Content"], True),
        ([b"HTTP/1.1 304 Not Modified"], True),
    ],
)
def test_whether_the_server_keeps_its_connection(lines, reusable):
    assert parse(*lines).reusable is reusable


def test_hop_by_hop_fields_end_here_and_the_others_pass_byte_for_byte():
    head = parse(
        b"HTTP/1.1 200 OK",
        b"Connection: keep-alive, x-private",
        b"Keep-Alive: timeout=5",
        b"X-Private: 1",
        b"Proxy-Connection: close",
        b"Upgrade: h2c",
        b"set-cookie:a=b ",
        b"Set-Cookie: c=d",
        b"Content-Length: 0",
    )
    assert head.forward == b"HTTP/1.1 200 OK\r\nset-cookie:a=b \r\nSet-Cookie: c=d\r\nContent-Length: 0\r\n"


@pytest.mark.parametrize("name", ["content-length", "transfer-encoding"])
def test_connection_must_not_name_what_frames_a_response(name):
    reason = refusal(f"HTTP/1.1 200 OK\r\nConnection: {name}\r\n\r\n".encode())
    assert reason == f"Connection names {name}, which must not be dropped"


@pytest.mark.parametrize(
    ("lines", "upgrade"),
    [
        ([b"Connection: upgrade", b"Upgrade: WebSocket"], b"WebSocket"),
        ([b"Upgrade: websocket"], b""),
        ([b"Connection: upgrade", b"Upgrade: h2c"], b""),
    ],
)
def test_the_protocol_that_is_switched_to(lines, upgrade):
    assert parse(b"HTTP/1.1 101 Switching Protocols", *lines).upgrade == upgrade


HEAD = b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n"


@pytest.mark.parametrize("end", range(len(HEAD)))
def test_a_head_that_has_begun_well_may_go_on(end):
    check_begun_head(HEAD[:end])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\r\n", "malformed status line"),
        (b"h", "malformed status line"),
        (b"HTTP/2", "malformed status line"),
        (b"<html>", "malformed status line"),
        (b"HTTP/1.1 200 OK\n", "NUL or bare LF in a head"),
        (b"HTTP/1.1 200\0", "NUL or bare LF in a head"),
    ],
)
def test_a_head_that_has_begun_badly_is_refused_at_once(data, reason):
    with pytest.raises(BadResponseError) as caught:
        check_begun_head(data)
    assert caught.value.reason == reason
