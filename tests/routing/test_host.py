"""Names without ports."""

from __future__ import annotations

import pytest

from cluster_lb.routing.host import without_port


@pytest.mark.parametrize(
    ("host", "name"),
    [(b"a", b"a"), (b"a:80", b"a"), (b"[::1]:80", b"[::1]"), (b"[::1]", b"[::1]"), (b"", b"")],
)
def test_a_port_is_cut_off(host, name):
    assert without_port(host) == name
