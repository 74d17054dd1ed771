"""The end of a chunked body, wherever its bytes are cut, and what breaks its grammar."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_lb.wire.chunked import (
    MAX_EXTENSION_BYTES,
    MAX_LINE_BYTES,
    MAX_TRAILER_BYTES,
    ChunkScanner,
)

BODIES = [
    b"0\r\n\r\n",
    b"1\r\nx\r\n0\r\n\r\n",
    b"2\r\n\r\n\r\n0\r\n\r\n",  # the data is itself a CRLF
    b'005;name=value;x="y z"\r\nhello\r\n000\r\n\r\n',
    b'1;a="\\"\\\\\xff\t";b\r\nx\r\n0\r\n\r\n',
    b"A;x\r\n0123456789\r\n0\r\nX: y\r\nZ:\r\n\r\n",
    b"a\r\n0\r\n\r\n0\r\n\r\n\r\n0;a\r\n\r\n",
    b"00000000000000f\r\n0123456789abcde\r\n0\r\n\r\n",
]

chunk = st.tuples(
    st.binary(min_size=1, max_size=40), st.sampled_from([b"", b";a", b";a=b", b';q="\xff\\""']), st.booleans()
)
trailers = st.lists(
    st.sampled_from([b"X: y\r\n", b"Digest:\r\n", b"Long: " + b"z" * 50 + b"\r\n"]), max_size=3
)


@st.composite
def chunked_bodies(draw) -> tuple[bytes, int]:
    """A valid body, and how many bytes of payload it carries."""
    parts, payload = [], 0
    for data, extension, capital in draw(st.lists(chunk, max_size=6)):
        size = b"%X" % len(data) if capital else b"%x" % len(data)
        parts.append(size + extension + b"\r\n" + data + b"\r\n")
        payload += len(data)
    return b"".join(parts) + b"0\r\n" + b"".join(draw(trailers)) + b"\r\n", payload


def feed(scanner: ChunkScanner, pieces: list[bytes]) -> int:
    """Feed pieces until the body ends; the number of bytes that belong to it."""
    total = 0
    for piece in pieces:
        assert not scanner.done
        used = scanner.feed(piece)
        assert scanner.done or used == len(piece)
        total += used
        if scanner.done:
            break
    return total


@pytest.mark.parametrize("body", BODIES)
def test_a_body_ends_at_the_same_byte_wherever_it_is_cut(body):
    surplus = b"GET / HTTP/1.1\r\n"
    whole = body + surplus
    for cut in range(len(whole) + 1):
        scanner = ChunkScanner()
        assert feed(scanner, [whole[:cut], whole[cut:]]) == len(body)
        assert scanner.done
    scanner = ChunkScanner()
    assert feed(scanner, [whole[i : i + 1] for i in range(len(whole))]) == len(body)


@given(chunked_bodies(), st.binary(max_size=20), st.lists(st.integers(0, 500), max_size=12))
def test_any_body_in_any_pieces(drawn, surplus, cuts):
    body, payload = drawn
    whole = body + surplus
    bounds = sorted({0, len(whole), *(cut % (len(whole) + 1) for cut in cuts)})
    scanner = ChunkScanner()
    pieces = [whole[a:b] for a, b in pairwise(bounds)]
    assert feed(scanner, pieces) == len(body)
    assert scanner.done
    assert scanner.payload_bytes == payload


MALFORMED = [
    b"\r\n",
    b"x\r\n",
    b"-1\r\n",
    b"+1\r\n",
    b"0x1\r\n",
    b"1_0\r\n",
    b" 1\r\n",
    b"1 \r\n",
    b"1\n",
    b"1\rx",
    b"1\r\r\n",
    b";x\r\n",
    b"1;\x00\r\n",
    b"1;\r\n",
    b"1;;a\r\n",
    b"1;a=\r\n",
    b"1;=a\r\n",
    b"1;a b\r\n",
    b"1 ;a\r\n",  # RFC 9112 section 7.1.1 calls this white space bad
    b"1; a\r\n",
    b"1;a =b\r\n",
    b'1;a="b\r\n',
    b'1;a="b"c\r\n',
    b'1;a="\x00"\r\n',
    b'1;a="\\\r\n"\r\n',
    b"1;a\rb\r\n",
    b"1;a\nb\r\n",
    b"1;\xff\r\n",
    b"1,1\r\n",
    b"1.\r\n",
    b"\xd9\xa1\r\n",
    b"g\r\n",
    b"1;x\nx\r\n",
    b"1000000000000000\r\n",  # 16 digits
    b"1\r\nxy\r\n",
    b"1\r\nx\n",
    b"1\r\nx\r0",
    b"2\r\nx\r\n0\r\n\r\n",
    b"0\r\n\n",
    b"0\r\nX : y\r\n\r\n",
    b"0\r\n folded\r\n\r\n",
    b"0\r\nX\r\n\r\n",
    b"0\r\nX: \x00\r\n\r\n",
    b"0\r\n: y\r\n\r\n",
    b"0\r\nX: a\rb\r\n\r\n",
    b"0\r\nX: a\nb: c\r\n\r\n",
    b"0\r\n\r\r\n",
    b"0\r\n\rX: y\r\n\r\n",
    b"0\r\nX: y\r\n\n",
    b"0\r\nX: y\r\n folded\r\n\r\n",
    b"0\r\nContent-Length: 1\r\n\r\n",
    b"0\r\nX: y\r\ntransfer-encoding: chunked\r\n\r\n",
    b"0\r\nHost: a\r\n\r\n",
    b"0\r\nAuthorization: x\r\n\r\n",
    b"0\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n",
    b"0\r\nx_forwarded_port: 1\r\n\r\n",
    b"0\r\nForwarded: for=192.0.2.1\r\n\r\n",
    b"0\r\nSet-Cookie: a=b\r\n\r\n",
    b"0\r\nClient-Cert: x\r\n\r\n",
    b"0\r\nX-Client-Cert-Subject: x\r\n\r\n",
    b"0\r\nContent_Type: x\r\n\r\n",
]


@pytest.mark.parametrize("body", MALFORMED)
def test_a_malformed_body_is_refused_wherever_it_is_cut(body):
    whole = body + b"0\r\n\r\n" * 2
    for cut in range(len(body) + 1):
        with pytest.raises(ValueError, match=r".+"):
            feed(ChunkScanner(), [whole[:cut], whole[cut:]])
    with pytest.raises(ValueError, match=r".+"):
        feed(ChunkScanner(), [whole[i : i + 1] for i in range(len(whole))])


@given(st.binary(max_size=60), st.integers(0, 60))
def test_any_bytes_are_judged_alike_whole_and_in_two(data, cut):
    def judge(pieces: list[bytes]) -> tuple[str, int]:
        scanner = ChunkScanner()
        try:
            used = feed(scanner, pieces)
        except ValueError:
            return "refused", 0
        return ("ended", used) if scanner.done else ("open", 0)

    assert judge([data]) == judge([data[:cut], data[cut:]])


def fed_for_ever(opening: bytes, piece: bytes) -> int:
    """How many bytes of `piece`, over and over, the scanner takes before it refuses."""
    scanner = ChunkScanner()
    scanner.feed(opening)
    for repeats in range(1000):
        try:
            scanner.feed(piece)
        except ValueError:
            return repeats * len(piece)
    raise AssertionError("never refused")


def test_a_size_line_that_never_ends_is_refused_at_its_limit():
    assert fed_for_ever(b"1;", b"x" * 100) <= MAX_LINE_BYTES


def test_trailers_that_never_end_are_refused_at_their_limit():
    assert fed_for_ever(b"0\r\n", b"X: " + b"y" * 95 + b"\r\n") <= MAX_TRAILER_BYTES


def test_whole_lines_and_trailers_over_their_limits_are_refused():
    with pytest.raises(ValueError, match="chunk-size line is too long"):
        ChunkScanner().feed(b"1;" + b"x" * MAX_LINE_BYTES + b"\r\n")
    with pytest.raises(ValueError, match="trailers are too long"):
        ChunkScanner().feed(b"0\r\n" + b"X: y\r\n" * 1500 + b"\r\n")


def test_extensions_are_limited_by_what_the_chunks_carry():
    extension = b"1;" + b"x" * 1000 + b"\r\ny\r\n"
    assert fed_for_ever(extension, extension) <= MAX_EXTENSION_BYTES + 2000
    rich = b"%x;%b\r\n%b\r\n" % (2000, b"x" * 1000, b"y" * 2000)
    scanner = ChunkScanner()
    for _ in range(100):
        scanner.feed(rich)


@pytest.mark.parametrize("size", [MAX_LINE_BYTES, MAX_LINE_BYTES + 1])
def test_the_limit_of_a_size_line_is_the_same_wherever_it_is_cut(size):
    line = b"1;" + b"x" * (size - 4) + b"\r\n"
    assert len(line) == size
    for cut in (0, 1, 2, size - 2, size - 1, size):
        if size > MAX_LINE_BYTES:
            with pytest.raises(ValueError, match="chunk-size line is too long"):
                feed(ChunkScanner(), [line[:cut], line[cut:]])
        else:
            assert feed(ChunkScanner(), [line[:cut], line[cut:]]) == size


@pytest.mark.parametrize("size", [MAX_TRAILER_BYTES, MAX_TRAILER_BYTES + 1])
def test_the_limit_of_trailers_is_the_same_wherever_they_are_cut(size):
    body = b"0\r\nX: " + b"y" * (size - 5) + b"\r\n\r\n"
    for cut in (3, 4, size, size + 1, size + 2, size + 3, size + 4):
        if size > MAX_TRAILER_BYTES:
            with pytest.raises(ValueError, match="trailers are too long"):
                feed(ChunkScanner(), [body[:cut], body[cut:]])
        else:
            assert feed(ChunkScanner(), [body[:cut], body[cut:]]) == size + 5


@pytest.mark.parametrize("begun", [b"0\r\n\nGET / HTTP/1.1\nHost: a\n", b"1\rx\r0\r\rGET / HTTP/1.1\r"])
def test_what_a_lenient_server_could_take_for_the_end_is_refused_before_it_is_passed_on(begun):
    with pytest.raises(ValueError, match="malformed"):
        ChunkScanner().feed(begun)


def test_chunk_data_is_never_held():
    scanner = ChunkScanner()
    scanner.feed(b"fffffff\r\n")
    for _ in range(50):
        assert scanner.feed(b"x" * 100_000) == 100_000
    assert len(scanner._pending) <= 1
