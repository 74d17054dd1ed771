"""Paths on the way to servers."""

from __future__ import annotations

import pytest

from cluster_lb.routing.rewrite import PathRewrite


@pytest.mark.parametrize(
    ("prefix", "replacement", "target", "rewritten"),
    [
        ("/v1", "", b"/v1/x", b"/x"),
        ("/v1", "", b"/v1", b"/"),
        ("/v1", "", b"/v1/", b"/"),
        ("/v1", "", b"/v1?q=/v1", b"/?q=/v1"),
        ("/v1/", "", b"/v1/x", b"/x"),
        ("/v1", "", b"/v10/x", b"/v10/x"),
        ("/v1", "", b"/x/v1", b"/x/v1"),
        ("/v1", "/", b"/v1/x", b"/x"),
        ("/v1", "/new", b"/v1/x?y", b"/new/x?y"),
        ("/v1", "/new/", b"/v1", b"/new"),
        ("/", "/new", b"/x", b"/new/x"),
        ("/", "/new", b"/", b"/new/"),
        ("/", "", b"/x?", b"/x?"),
        ("/v1", "", b"*", b"*"),
        ("/", "/new", b"*", b"*"),
    ],
)
def test_whole_segments_are_replaced(prefix, replacement, target, rewritten):
    assert PathRewrite(prefix, replacement).target(target) == rewritten
