"""What an address that a peer wrote stands for."""

from __future__ import annotations

import ipaddress

import pytest

from cluster_lb.wire.ip import unmapped


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:c000:201", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::192.0.2.1", "::c000:201"),
    ],
)
def test_ipv4_that_is_written_as_ipv6_is_ipv4(written, meant):
    assert str(unmapped(ipaddress.ip_address(written))) == meant
