"""What a request head says, what of it is forwarded, and what is refused."""

from __future__ import annotations

import pytest

from cluster_lb.wire.errors import BadRequestError
from cluster_lb.wire.framing import Framing
from cluster_lb.wire.request_head import (
    are_one_authority,
    check_begun_head,
    match_request_line,
    parse_other_request_line,
    parse_request_fields,
)

HOST = b"Host: a.example\r\n"


def parse(*lines: bytes, max_lines: int = 100):
    return parse_request_fields(b"".join(line + b"\r\n" for line in (*lines, b"")), max_lines)


def refusal(block: bytes, max_lines: int = 100) -> tuple[int, str]:
    with pytest.raises(BadRequestError) as caught:
        parse_request_fields(block, max_lines)
    return caught.value.status, caught.value.reason


# --- the request line


@pytest.mark.parametrize(
    ("line", "groups"),
    [
        (b"GET / HTTP/1.1\r\n", (b"GET", b"/", b"1")),
        (b"GET / HTTP/1.0\r\n", (b"GET", b"/", b"0")),
        (b"POST /a/b?c=d&e=%20;f HTTP/1.1\r\n", (b"POST", b"/a/b?c=d&e=%20;f", b"1")),
        (b"M-SEARCH //x HTTP/1.1\r\n", (b"M-SEARCH", b"//x", b"1")),
        (b'GET /!"$~ HTTP/1.1\r\n', (b"GET", b'/!"$~', b"1")),
    ],
)
def test_origin_form_gives_method_target_and_version(line, groups):
    assert match_request_line(line + b"Host: x\r\n\r\n").groups() == groups


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"GET http://a.example/x?y HTTP/1.1\r\n", (b"GET", b"/x?y", b"1", b"a.example")),
        (b"GET http://a.example HTTP/1.1\r\n", (b"GET", b"/", b"1", b"a.example")),
        (b"GET http://a.example?y HTTP/1.0\r\n", (b"GET", b"/?y", b"0", b"a.example")),
        (b"GET http://[::1]:80/x HTTP/1.1\r\n", (b"GET", b"/x", b"1", b"[::1]:80")),
        (b"GET hTTp://a.example/x HTTP/1.1\r\n", (b"GET", b"/x", b"1", b"a.example")),
        (b"OPTIONS * HTTP/1.1\r\n", (b"OPTIONS", b"*", b"1", None)),
        (b"OPTIONS http://a.example HTTP/1.1\r\n", (b"OPTIONS", b"*", b"1", b"a.example")),
        (b"OPTIONS http://a.example/ HTTP/1.1\r\n", (b"OPTIONS", b"/", b"1", b"a.example")),
        (b"OPTIONS http://a.example?x HTTP/1.1\r\n", (b"OPTIONS", b"/?x", b"1", b"a.example")),
        (b"TRACE /x HTTP/1.1\r\n", (b"TRACE", b"/x", b"1", None)),
        (b"TRACE http://a.example/x HTTP/1.1\r\n", (b"TRACE", b"/x", b"1", b"a.example")),
    ],
)
def test_absolute_and_asterisk_form_give_the_target_to_forward(line, expected):
    assert match_request_line(line) is None
    assert parse_other_request_line(line + b"Host: x\r\n\r\n") == (*expected, len(line))


@pytest.mark.parametrize(
    ("one", "other", "proto", "same"),
    [
        (b"a.example", b"A.example", b"http", True),
        (b"a.example:80", b"a.example", b"http", True),
        (b"a.example", b"a.example:443", b"https", True),
        (b"a.example:", b"a.example:80", b"http", True),
        (b"[2001:db8::80]:80", b"[2001:db8::80]", b"http", True),
        (b"a.example:80", b"a.example", b"https", False),
        (b"a.example:8080", b"a.example", b"http", False),
        (b"b.example", b"a.example", b"http", False),
        (b"a.example", b"", b"http", False),
        (b"user@a.example", b"a.example", b"http", False),
    ],
)
def test_the_port_of_the_scheme_need_not_be_said(one, other, proto, same):
    assert are_one_authority(one, other, proto) is same


def test_an_absolute_target_must_name_the_scheme_of_its_connection():
    line = b"GET https://a.example/x HTTP/1.1\r\n"
    expected = (b"GET", b"/x", b"1", b"a.example", len(line))
    assert parse_other_request_line(line, b"https") == expected
    with pytest.raises(BadRequestError, match="malformed request target"):
        parse_other_request_line(line)
    with pytest.raises(BadRequestError, match="malformed request target"):
        parse_other_request_line(line.replace(b"https", b"http"), b"https")


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET /\r\n", 400),  # HTTP/0.9
        (b"GET  / HTTP/1.1\r\n", 400),
        (b"GET / HTTP/1.1 \r\n", 400),
        (b" GET / HTTP/1.1\r\n", 400),
        (b"GET /\tHTTP/1.1\r\n", 400),
        (b"GET /a b HTTP/1.1\r\n", 400),
        (b"GET /a#b HTTP/1.1\r\n", 400),
        (b"GET /\x00 HTTP/1.1\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\n", 400),
        (b"GET /\x7f HTTP/1.1\r\n", 400),
        (b"GET a HTTP/1.1\r\n", 400),
        (b"GET * HTTP/1.1\r\n", 400),
        (b"GET http:/// HTTP/1.1\r\n", 400),
        (b"GET http:///x HTTP/1.1\r\n", 400),
        (b"GET https://a.example/ HTTP/1.1\r\n", 400),
        (b"G(T / HTTP/1.1\r\n", 400),
        (b"G:T / HTTP/1.1\r\n", 400),
        (b"GET / http/1.1\r\n", 400),
        (b"GET / HTTP/1.1\n", 400),
        (b"GET / HTTP/1.\r\n", 400),
        (b"GET / HTTP/11\r\n", 400),
        (b"GET / HTTP/0.9\r\n", 505),
        (b"GET / HTTP/1.2\r\n", 505),
        (b"GET / HTTP/2.0\r\n", 505),
        (b"PRI * HTTP/2.0\r\n", 505),
        (b"CONNECT a.example:443 HTTP/1.1\r\n", 405),
        (b"CONNECT / HTTP/1.1\r\n", 405),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n", 400),  # a TLS hello on a plain port
    ],
)
def test_other_request_lines_are_refused(line, status):
    head = line + b"Host: x\r\n\r\n"
    assert match_request_line(head) is None
    with pytest.raises(BadRequestError) as caught:
        parse_other_request_line(head)
    assert caught.value.status == status


def test_a_very_long_line_is_matched_in_linear_time():
    assert match_request_line(b"G" * 200_000) is None
    assert match_request_line(b"GET /" + b"a" * 200_000) is None


# --- the grammar of fields


@pytest.mark.parametrize(
    "block",
    [
        b"Host : a\r\n\r\n",
        b"Host\t: a\r\n\r\n",
        b"Host: a\r\n folded\r\n\r\n",
        b"Host: a\r\n\tfolded\r\n\r\n",
        b" Host: a\r\n\r\n",
        b"Host: a\rb\r\n\r\n",
        b"Host: a\nX: b\r\n\r\n",
        b"X: b\n\r\nHost: a\r\n\r\n",
        b"Host: a\x00\r\n\r\n",
        b"Host: a\x0b\r\n\r\n",
        b"Host: a\x7f\r\n\r\n",
        b": a\r\n\r\n",
        b"Host\r\n\r\n",
        b"Ho st: a\r\n\r\n",
        b"H\xf6st: a\r\n\r\n",
        b"Host: a\r\n",
        b"",
    ],
)
def test_a_block_that_breaks_the_grammar_is_refused(block):
    assert refusal(block)[0] == 400


def test_obs_text_tabs_and_empty_values_are_fine():
    fields = parse(b"Host: a", b"X: \xfc\tb", b"Y:", b"Z:   ")
    assert fields.end_to_end == b"Host: a\r\nX: \xfc\tb\r\nY:\r\nZ:   \r\n"


def test_more_lines_than_the_limit_are_refused():
    block = b"Host: a\r\n" + b"X: y\r\n" * 9 + b"\r\n"
    assert parse_request_fields(block, 10).host == b"a"
    assert refusal(block, 9) == (431, "more than 9 header lines")


# --- Host


@pytest.mark.parametrize(
    "host",
    [
        b"a",
        b"a.example:0",
        b"a.example:65535",
        b"a.example:8080",
        b"127.0.0.1",
        b"[::1]",
        b"[2001:db8::1]:443",
        b"a_b~c%20",
        b"A.Example",
    ],
)
def test_a_well_formed_host_is_taken(host):
    assert parse(b"Host: " + host).host == host


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"a b",
        b"a/b",
        b"a@b",
        b"user:pw@b",
        b"a?b",
        b"a#b",
        b'a"b',
        b"a\\b",
        b"a:",
        b"a:b",
        b"a:80:80",
        b"a:123456",
        b"a:65536",
        b"[::1",
        b"::1",
        b"[]",
        b"[::1]x",
        b"[:::1]",
        b"[1.2.3.4]",
        b"h\xf6st",
        b"a%2",
        b"a%zz",
        b"a, b",
        b"a\tb",
        b"[::1%25eth0]",
        b"[v1.x]",
        b"http://a",
        b"a:+80",
    ],
)
def test_a_malformed_host_is_refused(host):
    assert refusal(b"Host: " + host + b"\r\n\r\n") == (400, "malformed Host")


def test_a_repeated_host_is_refused_even_when_equal():
    assert refusal(b"Host: a\r\nhost: a\r\n\r\n") == (400, "repeated Host")


def test_a_missing_host_is_left_to_the_version():
    assert parse(b"X: y").host is None


# --- framing


@pytest.mark.parametrize(
    ("lines", "framing", "length"),
    [
        ([], Framing.NONE, 0),
        ([b"Content-Length: 0"], Framing.NONE, 0),
        ([b"Content-Length: 12"], Framing.LENGTH, 12),
        ([b"content-LENGTH:\t 0012 \t"], Framing.LENGTH, 12),
        ([b"Content-Length: 999999999999999999"], Framing.LENGTH, 10**18 - 1),
        ([b"Transfer-Encoding: chunked"], Framing.CHUNKED, 0),
        ([b"Transfer-Encoding: CHUNKED "], Framing.CHUNKED, 0),
    ],
)
def test_framing(lines, framing, length):
    fields = parse(HOST.strip(), *lines)
    assert (fields.framing, fields.length) == (framing, length)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (b"Content-Length: 1\r\nContent-Length: 1\r\n", "repeated Content-Length"),
        (b"Content-Length: 1, 1\r\n", "Content-Length is not a number"),
        (b"Content-Length: +1\r\n", "Content-Length is not a number"),
        (b"Content-Length: -1\r\n", "Content-Length is not a number"),
        (b"Content-Length: 0x1\r\n", "Content-Length is not a number"),
        (b"Content-Length: 1_0\r\n", "Content-Length is not a number"),
        (b"Content-Length: 1 0\r\n", "Content-Length is not a number"),
        (b"Content-Length: 1.0\r\n", "Content-Length is not a number"),
        (b"Content-Length: \xb2\r\n", "Content-Length is not a number"),
        (b"Content-Length:\r\n", "Content-Length is not a number"),
        (b"Content-Length: 1000000000000000000\r\n", "Content-Length is too large"),
        (b"Transfer-Encoding: gzip\r\n", "a transfer coding other than a single chunked"),
        (b"Transfer-Encoding: gzip, chunked\r\n", "a transfer coding other than a single chunked"),
        (b"Transfer-Encoding: chunked, chunked\r\n", "a transfer coding other than a single chunked"),
        (b"Transfer-Encoding: chunked;x=y\r\n", "a transfer coding other than a single chunked"),
        (b"Transfer-Encoding: xchunked\r\n", "a transfer coding other than a single chunked"),
        (b"Transfer-Encoding: \x0bchunked\r\n", "malformed header line"),
        (b"Transfer-Encoding: identity\r\n", "a transfer coding other than a single chunked"),
        (b"Transfer-Encoding:\r\n", "a transfer coding other than a single chunked"),
        (
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "a transfer coding other than a single chunked",
        ),
        (
            b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
            "both Transfer-Encoding and Content-Length",
        ),
        (b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", "both Transfer-Encoding and Content-Length"),
    ],
)
def test_what_two_parsers_could_frame_in_two_ways_is_refused(lines, reason):
    assert refusal(HOST + lines + b"\r\n") == (400, reason)


# --- Connection, Expect, Upgrade


def test_hop_by_hop_fields_end_here():
    fields = parse(
        HOST.strip(),
        b"Connection: keep-alive, X-Private",
        b"Keep-Alive: timeout=5",
        b"Proxy-Connection: keep-alive",
        b"x-private: 1",
        b"TE: trailers",
        b"Upgrade: websocket",
        b"X-Public: 2",
    )
    assert fields.end_to_end == HOST + b"X-Public: 2\r\n"
    assert fields.upgrade == b""


@pytest.mark.parametrize(
    ("lines", "close", "keep_alive"),
    [
        ([], False, False),
        ([b"Connection: close"], True, False),
        ([b"Connection: Keep-Alive"], False, True),
        ([b"Connection: foo,, CLOSE ,"], True, False),
        ([b"Connection: foo", b"Connection: close"], True, False),
        ([b"Connection: closed"], False, False),
    ],
)
def test_options_of_the_connection(lines, close, keep_alive):
    fields = parse(HOST.strip(), *lines)
    assert (fields.close, fields.keep_alive) == (close, keep_alive)


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "Expect",
        "X-Forwarded-For",
        "x-forwarded-host",
        "X-Forwarded-Proto",
        "Forwarded",
    ],
)
def test_connection_must_not_name_what_frames_or_routes_a_request(name):
    status, reason = refusal(HOST + f"Connection: close, {name}\r\n\r\n".encode())
    assert status == 400
    assert reason == f"Connection names {name.lower()}, which must not be dropped"


def test_a_nominated_name_is_no_pattern():
    fields = parse(HOST.strip(), b"Connection: X.*|Y, (", b"X-Public: 2", b"Y: 3")
    assert fields.end_to_end == HOST + b"X-Public: 2\r\nY: 3\r\n"


def test_expect_continue_is_noted_and_forwarded():
    fields = parse(HOST.strip(), b"Expect: 100-Continue", b"Content-Length: 3")
    assert fields.expects_continue
    assert b"Expect: 100-Continue\r\n" in fields.end_to_end


@pytest.mark.parametrize("lines", [b"Expect: tea\r\n", b"Expect: 100-continue\r\nExpect: 100-continue\r\n"])
def test_another_expectation_is_refused(lines):
    assert refusal(HOST + lines + b"\r\n") == (417, "unknown expectation")


@pytest.mark.parametrize(
    ("lines", "upgrade"),
    [
        ([b"Connection: Upgrade", b"Upgrade: websocket"], b"websocket"),
        ([b"Connection: keep-alive, upgrade", b"Upgrade: a, b/2", b"Upgrade: c"], b"a, b/2, c"),
        ([b"Upgrade: websocket"], b""),
        ([b"Connection: upgrade"], b""),
        ([b"Connection: upgrade", b"Upgrade: h2c"], b""),
        ([b"Connection: upgrade", b"Upgrade: H2C , websocket"], b"websocket"),
    ],
)
def test_an_upgrade_is_asked_for_by_both_fields_and_never_to_http2(lines, upgrade):
    fields = parse(HOST.strip(), *lines)
    assert fields.upgrade == upgrade
    assert fields.end_to_end == HOST


def test_an_upgrade_to_http2_leaves_no_trace_with_its_settings():
    fields = parse(
        HOST.strip(), b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"
    )
    assert (fields.upgrade, fields.end_to_end) == (b"", HOST)


@pytest.mark.parametrize("value", [b"web socket", b"a/", b"a;b"])
def test_a_malformed_upgrade_is_refused(value):
    assert refusal(HOST + b"Connection: upgrade\r\nUpgrade: " + value + b"\r\n\r\n") == (
        400,
        "malformed Upgrade",
    )


@pytest.mark.parametrize(
    "name",
    [
        "Content_Length",
        "content.length",
        "Transfer_Encoding",
        "TRANSFER~ENCODING",
        "Keep_Alive",
        "proxy_connection",
    ],
)
def test_a_name_that_a_server_could_take_for_one_that_frames_is_refused(name):
    reason = f"{name.lower()} is no field name, but could be taken for one"
    assert refusal(HOST + f"{name}: 1\r\n\r\n".encode()) == (400, reason)


@pytest.mark.parametrize("name", [b"X_Forwarded_For", b"X-Forwarded_Proto", b"x.forwarded.host"])
def test_a_name_that_a_server_could_take_for_a_forwarding_field_is_refused(name):
    assert refusal(HOST + name + b": 192.0.2.1\r\n\r\n")[0] == 400


def test_other_names_may_have_any_sign():
    lines = [HOST.strip(), b"X_Y: 1", b"Content_Type: 2", b"contentlength: 3", b"hos_t: 4"]
    assert parse(*lines).end_to_end == b"".join(line + b"\r\n" for line in lines)


def test_every_x_forwarded_field_is_set_aside():
    fields = parse(HOST.strip(), b"X-Forwarded-Port: 1", b"X-Forwarded-Prefix: /x", b"X-Forwarded: 2")
    assert fields.end_to_end == HOST + b"X-Forwarded: 2\r\n"
    assert fields.forwarding == ((b"x-forwarded-port", b"1"), (b"x-forwarded-prefix", b"/x"))


def test_a_head_with_very_many_nominated_names_takes_linear_time():
    names = b", ".join(b"x%d" % number for number in range(100_000))
    assert parse(HOST.strip(), b"Connection: " + names, b"X7: 1").end_to_end == HOST


# --- a head that is not all there


@pytest.mark.parametrize(
    "data", [b"", b"\r", b"\r\n", b"G", b"GET / HTTP/1.1\r", b"GET / HTTP/1.1\r\nHost: a\r\n", b"\r\nGET /"]
)
def test_a_head_that_has_begun_well_may_go_on(data):
    check_begun_head(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\n",
        b"\r\n\r\n",
        b"\r\n\n",
        b"GET / HTTP/1.1\n",
        b"GET / HTTP/1.1\r\nHost: a\nX",
        b"GET /\0",
        b"\x16\x03\x01\x02\x00\x01\x00",  # a TLS hello on a plain port
    ],
)
def test_a_head_that_has_begun_badly_is_refused_at_once(data):
    with pytest.raises(BadRequestError) as caught:
        check_begun_head(data)
    assert caught.value.status == 400


def test_forwarding_fields_are_set_aside_in_their_order():
    fields = parse(
        b"X-Forwarded-For: 1.1.1.1", HOST.strip(), b"x-forwarded-for: 2.2.2.2", b"Forwarded: for=3.3.3.3"
    )
    assert fields.end_to_end == HOST
    assert fields.forwarding == (
        (b"x-forwarded-for", b"1.1.1.1, 2.2.2.2"),
        (b"forwarded", b"for=3.3.3.3"),
    )


def test_the_other_lines_pass_byte_for_byte():
    lines = [b"hOST:a.example", b"Accept:  */* ", b"cookie: a=b; c=d", b"Cookie: e=f", b"Trailer: X"]
    assert parse(*lines).end_to_end == b"".join(line + b"\r\n" for line in lines)


@pytest.mark.parametrize("line", [b"Content-Length: 5", b"Transfer-Encoding: chunked"])
def test_a_request_with_a_body_asks_for_no_upgrade(line):
    fields = parse(HOST.strip(), b"Connection: upgrade", b"Upgrade: websocket", line)
    assert (fields.upgrade, fields.end_to_end) == (b"", HOST + line + b"\r\n")
