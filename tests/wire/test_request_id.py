"""Which request ids are taken out of a request, and which of them are acceptable."""

from __future__ import annotations

import pytest

from cluster_lb.wire.request_id import MAX_ID_BYTES, id_taker

take = id_taker("X-Request-Id")


@pytest.mark.parametrize(
    "value",
    [
        b"a",
        b"f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        b"Root=1-67891233-abcdef012345678912345678;x",
        b"x" * MAX_ID_BYTES,
    ],
)
def test_an_id_is_taken_out_of_the_lines(value):
    lines = b"A: 1\r\nx-request-ID:  " + value + b" \r\nB: 2\r\n\r\n"
    assert take(lines) == (b"A: 1\r\nB: 2\r\n\r\n", value)


@pytest.mark.parametrize("value", [b"", b"a b", b'a"b', b"a\\b", b"a,b", b"\xff", b"x" * (MAX_ID_BYTES + 1)])
def test_what_is_no_id_goes_and_counts_for_nothing(value):
    assert take(b"X-Request-Id: " + value + b"\r\nB: 2\r\n") == (b"B: 2\r\n", b"")


def test_two_ids_are_none():
    assert take(b"X-Request-Id: a\r\nX-Request-Id: a\r\n") == (b"", b"")


def test_other_lines_stay_as_they_are():
    lines = b"X-Request-Id-2: a\r\nB: X-Request-Id: a\r\n"
    assert take(lines) == (lines, b"")
