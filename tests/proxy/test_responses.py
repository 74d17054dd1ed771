"""The answers of the balancer itself."""

from __future__ import annotations

import pytest

from cluster_lb.proxy.responses import own_response
from cluster_lb.wire.response_head import parse_response_head


@pytest.mark.parametrize("status", [400, 405, 408, 413, 417, 431, 502, 503, 504, 505])
def test_each_status_makes_a_whole_response(status):
    head, _, body = own_response(status, "some reason", head_only=False, close=False).partition(b"\r\n\r\n")
    parsed = parse_response_head(head + b"\r\n\r\n")
    assert (parsed.status, parsed.length, parsed.reusable) == (status, len(body), True)
    assert body.startswith(b"%d " % status)
    assert body.endswith(b": some reason\n")


def test_closing_is_said():
    assert b"\r\nConnection: close\r\n" in own_response(400, "x", head_only=False, close=True)


def test_an_answer_to_head_announces_a_body_and_has_none():
    whole = own_response(503, "x", head_only=False, close=False)
    assert own_response(503, "x", head_only=True, close=False) == whole[: whole.index(b"\r\n\r\n") + 4]


def test_a_reason_cannot_break_the_response():
    assert own_response(502, "über", head_only=False, close=False).endswith(b"?ber\n")
