"""Whatever is forwarded of a client's bytes, llhttp and h11 read as the same single request."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.doubles.in_memory import MemoryBalancer
from tests.doubles.judges import judge_requests

BALANCER = MemoryBalancer(allow_trace=True)
TRUSTING = MemoryBalancer(trusted_proxies=["0.0.0.0/0"])


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


LINES = [
    b"GET / HTTP/1.1",
    b"GET /a?b=c&d=%20 HTTP/1.1",
    b"HEAD / HTTP/1.1",
    b"POST /p HTTP/1.1",
    b"GET /old HTTP/1.0",
    b"TRACE / HTTP/1.1",
    b"BREW /pot HTTP/1.1",
    b"get / HTTP/1.1",
    b"OPTIONS * HTTP/1.1",
    b"OPTIONS http://a HTTP/1.1",
    b"GET http://a/x?y HTTP/1.1",
    b"GET HTTP://a HTTP/1.1",
    b"GET /{}|\\^`<>\"' HTTP/1.1",
    b"CONNECT a:80 HTTP/1.1",
    b"GET a:80 HTTP/1.1",
    b"GET /#x HTTP/1.1",
    b"GET / HTTP/1.2",
    b"GET /",
]
FIELDS = [
    b"Accept: */*",
    b"X-Empty:",
    b"X-Text: \xfc\tb \t",
    b"x!#$%&'*+-.^_`|~9: y",
    b"Connection: close",
    b"Connection: keep-alive, X-Empty",
    b"Connection: upgrade\r\nUpgrade: websocket",
    b"Upgrade: websocket",
    b"Keep-Alive: timeout=5",
    b"TE: trailers",
    b"Expect: 100-continue",
    b"X-Forwarded-For: 192.0.2.9\r\nX-Forwarded-Port: 1",
    b"Forwarded: for=192.0.2.9",
    b"Content-Length: 5",
    b"Content-Length: 0",
    b"Content-Length: 005",
    b"Content-Length: +5",
    b"Content-Length: 5, 5",
    b"Content-Length: 0x5",
    b"Content_Length: 5",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: identity",
    b"Transfer-Encoding : chunked",
    b"Transfer-Encoding:\x0bchunked",
    b"X: a\r\n folded",
    b"X: a\nY: b",
    b"X: a\rb",
    b"X: \0",
    b"X: a\x0bb",
    b"X: a\x7fb",
    b"Host: b",
]
BODIES = [
    b"",
    b"hello",
    b"5\r\nhello\r\n0\r\n\r\n",
    b'5;a;b="\\"";c=d\r\nhello\r\n0;e\r\nX: y\r\nDigest:\r\n\r\n',
    b"5 ;a\r\nhello\r\n0\r\n\r\n",
    b"5\nhello\n0\n\n",
    b"05\r\nhello\r\n00\r\n\r\n",
    b"0\r\nContent-Length: 5\r\n\r\n",
    b"0\r\n\n",
    b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
]


def request(line: bytes, *fields: bytes, body: bytes = b"", host: bytes = b"Host: a") -> bytes:
    return b"\r\n".join([line, *([host] if host else []), *fields, b"", body])


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
TABLE = [
    request(b"GET / HTTP/1.1") * 3,
    request(b"GET / HTTP/1.1", b"Cookie: a=b", b"cookie: c=d") + request(b"GET /2 HTTP/1.1"),
    b"\r\n"
    + request(b"POST / HTTP/1.1", b"Content-Length: 5", body=b"hello")
    + b"\r\n"
    + request(b"GET /2 HTTP/1.1"),
    *(
        request(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", body=body) + SMUGGLED
        for body in BODIES[2:]
    ),
    *(request(line) + SMUGGLED for line in LINES),
    *(request(b"POST / HTTP/1.1", field, body=b"hello") + SMUGGLED for field in FIELDS),
    *(request(b"GET / HTTP/1.0", field, body=b"hello", host=b"") + SMUGGLED for field in FIELDS),
    request(b"POST / HTTP/1.1", b"Transfer-Encoding: chunked", b"Content-Length: 5", body=BODIES[2])
    + SMUGGLED,
    request(b"POST / HTTP/1.1", b"Content-Length: 5", b"Content-Length: 5", body=b"hello") + SMUGGLED,
    b"\r\n\r\n" + request(b"GET / HTTP/1.1"),
]


@pytest.mark.parametrize("balancer", [BALANCER, TRUSTING], ids=["distrusting", "trusting"])
@pytest.mark.parametrize("data", TABLE)
def test_each_message_has_one_reading_wherever_it_is_cut(balancer, data):
    whole = judge_requests(balancer, data)
    for offset in range(1, len(data)):
        assert judge_requests(balancer, data, [offset]) == whole, offset
    assert judge_requests(balancer, data, range(len(data))) == whole


def test_the_table_has_messages_that_are_forwarded_and_others_that_are_refused():
    outcomes = [judge_requests(BALANCER, data) for data in TABLE]
    assert sum(bool(outcome.forwarded) for outcome in outcomes) > 30
    assert sum(outcome.refused for outcome in outcomes) > 30


_interesting = st.sampled_from(
    [b"\r", b"\n", b"\r\n", b"\0", b" ", b"\t", b":", b",", b";", b"0", b"1", b"_", b"\xff"]
)
_mutation = st.tuples(
    st.integers(0, 10_000), st.integers(0, 2), st.one_of(_interesting, st.binary(max_size=2))
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Some requests, mostly valid ones, a few of their bytes replaced."""
    data = b""
    for _ in range(draw(st.integers(1, 3))):
        fields = draw(st.lists(st.sampled_from(FIELDS), max_size=4))
        data += request(draw(st.sampled_from(LINES)), *fields, body=draw(st.sampled_from(BODIES)))
    for place, removed, put in draw(st.lists(_mutation, max_size=4)):
        place %= len(data) + 1
        data = data[:place] + put + data[place + removed :]
    return data


@settings(max_examples=600)
@given(streams(), st.lists(st.integers(0, 10_000), max_size=6), st.booleans())
@example(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\r\n", [59, 60, 61], False)
def test_mutated_messages_have_one_reading_in_any_pieces(data, cuts, trusting):
    balancer = TRUSTING if trusting else BALANCER
    assert judge_requests(balancer, data, cuts) == judge_requests(balancer, data)


@settings(max_examples=200)
@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=3))
def test_any_bytes_are_judged_alike_whole_and_in_pieces(data, cuts):
    assert judge_requests(BALANCER, data, cuts) == judge_requests(BALANCER, data)
