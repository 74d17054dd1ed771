"""Whatever a client gets of a server's bytes, llhttp and h11 read as one and the same response."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.doubles.in_memory import MemoryBalancer
from tests.doubles.judges import judge_response

BALANCER = MemoryBalancer()


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


LINES = [
    b"HTTP/1.1 200 OK",
    b"HTTP/1.1 200",
    b"HTTP/1.1 200 \xfcbel\tgut",
    b"HTTP/1.0 200 OK",
    b"HTTP/1.1 204 No Content",
    b"HTTP/1.1 205 Reset Content",
    b"HTTP/1.1 304 Not Modified",
    b"HTTP/1.1 404 Not Found",
    b"HTTP/1.1 599 ",
    b"HTTP/1.1 103 Early Hints",
    b"HTTP/1.1 101 Switching Protocols",
    b"HTTP/1.1 600 X",
    b"HTTP/1.1 2000 X",
    b"HTTP/1.1  200 OK",
    b"HTTP/2 200 OK",
    b"ICY 200 OK",
]
FIELDS = [
    b"Content-Length: 5",
    b"Content-Length: 0",
    b"Content-Length: 5, 5",
    b"Content-Length: +5",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: CHUNKED",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: identity",
    b"Connection: close",
    b"Connection: keep-alive",
    b"Connection: X-Private\r\nX-Private: 1",
    b"Connection: content-length",
    b"Connection: upgrade\r\nUpgrade: websocket",
    b"Upgrade: h2c",
    b"Keep-Alive: timeout=5",
    b"Trailer: Digest",
    b"Set-Cookie: a=b\r\nset-cookie: c=d",
    b"X: \xfc\tb \t",
    b"X-Empty:",
    b"X : a",
    b"X: a\r\n folded",
    b"X: a\nY: b",
    b"X: a\rb",
    b"X: \0",
]
BODIES = [
    b"",
    b"hello",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"5;a=b\r\nhello\r\n0\r\nDigest: x\r\n\r\n",
    b"5\nhello\n0\n\n",
    b"5\r\nhello\r\n0\r\nSet-Cookie: a=b\r\n\r\n",
    b"hello world",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno",
]
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"


def response(line: bytes, *fields: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([line, *fields, b"", body])


TABLE = [
    *(response(line, b"Content-Length: 5", body=b"hello") for line in LINES),
    *(response(line, b"Transfer-Encoding: chunked", body=BODIES[2]) for line in LINES),
    *(response(line, body=b"hello") for line in LINES),
    *(response(b"HTTP/1.1 200 OK", field, body=body) for field in FIELDS for body in BODIES[1:3]),
    *(response(b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked", body=body) for body in BODIES),
    *(response(b"HTTP/1.1 200 OK", b"Content-Length: 5", body=body) for body in BODIES),
    EARLY + response(b"HTTP/1.1 200 OK", b"Content-Length: 5", body=b"hello"),
    EARLY * 2 + response(b"HTTP/1.1 204 No Content", b"Content-Length: 5", body=b"hello"),
    EARLY.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n")
    + response(b"HTTP/1.1 200 OK", b"Content-Length: 0"),
    EARLY + response(b"HTTP/1.1 304 Not Modified", b"Connection: keep-alive"),
    response(b"HTTP/1.1 200 OK", b"Connection: keep-alive", b"Content-Length: 5", body=b"hello"),
    EARLY * 17 + response(b"HTTP/1.1 200 OK", b"Content-Length: 5", body=b"hello"),
]


@pytest.mark.parametrize("head", [False, True], ids=["GET", "HEAD"])
@pytest.mark.parametrize("data", TABLE)
def test_each_response_has_one_reading_wherever_it_is_cut(data, head):
    whole = judge_response(BALANCER, data, head=head)
    for offset in range(1, len(data)):
        assert judge_response(BALANCER, data, head=head, cuts=[offset]) == whole, offset
    assert judge_response(BALANCER, data, head=head, cuts=range(len(data))) == whole


def test_the_table_has_responses_that_pass_and_others_that_do_not():
    passed = [bool(judge_response(BALANCER, data)) for data in TABLE]
    assert passed.count(True) > 30
    assert passed.count(False) > 30


_interesting = st.sampled_from([b"\r", b"\n", b"\r\n", b"\0", b" ", b"\t", b":", b",", b"0", b"1", b"\xff"])
_mutation = st.tuples(
    st.integers(0, 10_000), st.integers(0, 2), st.one_of(_interesting, st.binary(max_size=2))
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Interim responses and a final one, mostly valid, a few of their bytes replaced."""
    fields = draw(st.lists(st.sampled_from(FIELDS), max_size=4))
    data = EARLY * draw(st.integers(0, 2))
    data += response(draw(st.sampled_from(LINES)), *fields, body=draw(st.sampled_from(BODIES)))
    for place, removed, put in draw(st.lists(_mutation, max_size=3)):
        place %= len(data) + 1
        data = data[:place] + put + data[place + removed :]
    return data


@settings(max_examples=600)
@given(streams(), st.lists(st.integers(0, 10_000), max_size=6), st.booleans())
def test_mutated_responses_have_one_reading_in_any_pieces(data, cuts, head):
    whole = judge_response(BALANCER, data, head=head)
    assert judge_response(BALANCER, data, head=head, cuts=cuts) == whole
