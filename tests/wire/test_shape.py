"""Blocks of one shape: known without analysis, and never to a different end than with it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_lb.wire.errors import BadRequestError
from cluster_lb.wire.request_head import parse_request_fields
from cluster_lb.wire.shape import Shape, pattern_of

BLOCK = (
    b"Host: a.example\r\nUser-Agent: x\r\nConnection: keep-alive\r\n"
    b"X-Forwarded-For: 10.0.0.1\r\nAccept: */*\r\nCookie: session=1\r\n\r\n"
)
LINE = b"GET /x HTTP/1.1\r\n"


def shape_of(block: bytes) -> Shape:
    pattern = pattern_of(block)
    assert pattern is not None
    return Shape(pattern, block.count(b"\n"))


def test_another_value_of_a_neutral_line_is_known():
    other = BLOCK.replace(b"session=1", b"session=22; theme=dark").replace(b"*/*", b"")
    assert shape_of(BLOCK).end_to_end(LINE + other, len(LINE)) == (
        b"Host: a.example\r\nUser-Agent: x\r\nAccept: \r\nCookie: session=22; theme=dark\r\n"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a.example", b"b.example"),
        (b"keep-alive", b"close"),
        (b"10.0.0.1", b"10.0.0.2"),
        (b"session=1", b"session=\x00"),
        (b"session=1", b"session=\x7f"),
        (b"session=1", b"a\nX: b"),
        (b"session=1", b"a\rb"),
        (b"session=1", b"a\r\nX: b"),
        (b"session=1", b"a\r\nContent-Length: 5"),
        (b"Cookie: session=1\r\n", b""),
        (b"Cookie", b"Cookie2"),
        (b"Cookie: ", b"Cookie : "),
        (b"Accept: */*\r\nCookie: session=1\r\n", b"Cookie: session=1\r\nAccept: */*\r\n"),
        (b"\r\n\r\n", b"\r\n\r\nGET / HTTP/1.1\r\n"),
        (b"\r\n\r\n", b"\r\n"),
    ],
)
def test_anything_else_is_another_shape(before, after):
    assert before in BLOCK
    assert shape_of(BLOCK).end_to_end(LINE + BLOCK.replace(before, after), len(LINE)) is None


@pytest.mark.parametrize("connection", [b"x-user", b"keep-alive, cookie"])
def test_where_connection_names_lines_there_is_no_shape(connection):
    assert pattern_of(b"Host: a\r\nConnection: " + connection + b"\r\nCookie: a\r\n\r\n") is None


def test_blocks_of_one_shape_have_one_pattern():
    assert pattern_of(BLOCK) == pattern_of(BLOCK.replace(b"session=1", b"other"))


NAMES = (
    "Host host Connection Cookie X-A Accept X-Forwarded-For TE x_forwarded_for"
    " Content-Length Transfer-Encoding Expect Upgrade Client-Cert"
)
names = st.sampled_from(NAMES.encode().split())
values = st.sampled_from(
    [
        b"",
        b"a",
        b"close",
        b"keep-alive",
        b"upgrade",
        b"x-a",
        b"0",
        b"5",
        b"chunked",
        b"\x00",
        b"a\nb",
        b"a\rb",
        b"\xff\t ",
    ]
)
blocks = st.lists(st.tuples(names, values), max_size=5).map(
    lambda pairs: b"".join(b"%b: %b\r\n" % pair for pair in pairs) + b"\r\n"
)


@given(blocks, blocks, st.data())
def test_a_shape_says_what_the_analysis_says(block, unlike, data):
    try:
        known = parse_request_fields(block, 10)
    except BadRequestError:
        return
    pattern = pattern_of(block)
    if pattern is None:
        return
    lines = block.split(b"\r\n")[:-2]
    alike = b"".join(line.split(b":")[0] + b": " + data.draw(values) + b"\r\n" for line in lines) + b"\r\n"
    for other in block, alike, unlike:
        end_to_end = Shape(pattern, block.count(b"\n")).end_to_end(other, 0)
        if end_to_end is not None:
            assert parse_request_fields(other, 10) == replace(known, end_to_end=end_to_end)
