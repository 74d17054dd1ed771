"""A request's body on its way: where it ends, and what is kept of it."""

from __future__ import annotations

import pytest

from cluster_lb.proxy.request_body import MAX_KEPT_BYTES, RequestBody
from cluster_lb.wire.errors import BadRequestError
from cluster_lb.wire.request_head import parse_request_fields


def body(line: bytes, limit: int = 0) -> RequestBody:
    return RequestBody(parse_request_fields(line + b"\r\n\r\n", 100), limit)


def test_a_length_ends_the_body_and_the_rest_is_the_next_request():
    taken = body(b"Content-Length: 5")
    assert taken.take(b"he") == (b"he", b"")
    assert not taken.done
    assert taken.take(b"lloGET") == (b"llo", b"GET")
    assert (taken.done, taken.received) == (True, 5)


def test_the_last_chunk_ends_the_body_and_the_rest_is_the_next_request():
    taken = body(b"Transfer-Encoding: chunked")
    assert taken.take(b"2\r\nhi") == (b"2\r\nhi", b"")
    assert not taken.done
    assert taken.take(b"\r\n0\r\n\r\nGET") == (b"\r\n0\r\n\r\n", b"GET")
    assert (taken.done, taken.received) == (True, 12)


@pytest.mark.parametrize(("chunk", "status"), [(b"6\r\n", 413), (b"x\r\n", 400)])
def test_chunks_that_are_malformed_or_too_much_are_refused(chunk, status):
    with pytest.raises(BadRequestError) as caught:
        body(b"Transfer-Encoding: chunked", limit=5).take(chunk)
    assert caught.value.status == status


def test_what_is_kept_begins_the_next_attempt():
    taken = body(b"Content-Length: 5")
    for piece in b"he", b"llo":
        taken.keep(taken.take(piece)[0], connected=True)
    assert (taken.kept(), taken.at_hand) == (b"hello", True)


@pytest.mark.parametrize(("connected", "at_hand"), [(True, False), (False, True)])
def test_too_much_is_kept_only_while_nobody_has_it(connected, at_hand):
    taken = body(b"Content-Length: 1000000")
    taken.keep(taken.take(b"x" * MAX_KEPT_BYTES)[0], connected=connected)
    assert (taken.at_hand, taken.is_full) == (True, False)
    taken.keep(taken.take(b"x")[0], connected=connected)
    assert (taken.at_hand, taken.is_full) == (at_hand, True)
    assert len(taken.kept()) == (MAX_KEPT_BYTES + 1 if at_hand else 0)


def test_a_body_that_is_all_there_is_not_full():
    taken = body(b"Content-Length: 100000")
    taken.take(b"x" * 100_000)
    assert (taken.done, taken.is_full) == (True, False)
