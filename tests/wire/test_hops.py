"""What ends at this hop."""

from __future__ import annotations

import pytest

from cluster_lb.wire import fields, hops


def test_options_come_from_all_lines_in_lower_case():
    assert hops.connection_options([b"Close, X-A", b"", b"UPGRADE"]) == [b"close", b"x-a", b"upgrade"]


def test_protocols_keep_their_case_and_order():
    assert hops.upgrade_protocols([b"WebSocket,, x/1", b"y"], [b"upgrade"]) == b"WebSocket, x/1, y"


def test_http2_is_never_upgraded_to():
    assert hops.upgrade_protocols([b"h2c"], [b"upgrade"]) == b""
    assert hops.upgrade_protocols([b"websocket, H2c"], [b"upgrade"]) == b"websocket"


@pytest.mark.parametrize("value", [b"a b", b"websocket;x", b"/1", b"a/", b"a/1/2", b"\xff", b'"a"'])
def test_what_is_no_protocol_is_refused(value):
    with pytest.raises(ValueError, match="malformed Upgrade"):
        hops.upgrade_protocols([b"websocket, " + value], [b"upgrade"])
    assert hops.upgrade_protocols([value], []) == b""


@pytest.mark.parametrize(
    ("chosen", "offered", "is_it"),
    [
        (b"websocket", b"websocket", True),
        (b"WebSocket", b"foo/2, websocket", True),
        (b"bar", b"websocket", False),
        (b"websocket, bar", b"websocket", False),
        (b"", b"websocket", False),
        (b"websocket", b"", False),
    ],
)
def test_a_server_may_switch_only_to_what_it_was_offered(chosen, offered, is_it):
    assert hops.is_offered(chosen, offered) is is_it


def test_known_and_nominated_lines_are_taken_out_in_any_order():
    block = b"B: 1\r\nKeep-Alive: x\r\nA: 2\r\nC: 3\r\nb: 4\r\n\r\n"
    removed = fields.finder("keep-alive")(block)
    assert hops.end_to_end(block, removed, [b"a", b"b", b"close", b"keep-alive"], ()) == b"C: 3\r\n"


def test_some_names_must_not_be_dropped():
    with pytest.raises(ValueError, match="Connection names host, which must not be dropped"):
        hops.end_to_end(b"Host: a\r\n\r\n", [], [b"host"], {b"host"})
