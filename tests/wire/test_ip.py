"""What an address that a peer wrote stands for."""

from __future__ import annotations

import ipaddress

import pytest

from cluster_lb.wire.ip import address_in_chain, unmapped


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


@pytest.mark.parametrize(
    ("element", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:5678", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:5678", "2001:db8::1"),
        ("[::ffff:192.0.2.1]:5678", "192.0.2.1"),
    ],
)
def test_an_element_of_a_chain_may_have_a_port(element, address):
    assert str(address_in_chain(element)) == address


@pytest.mark.parametrize("element", ["", "unknown", "_hidden", "[", "[]", ":80", "a:1", "192.0.2.256"])
def test_what_is_no_address_is_none(element):
    with pytest.raises(ValueError, match="does not appear to be"):
        address_in_chain(element)
