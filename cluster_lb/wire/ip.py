"""IP addresses as peers write them."""

from __future__ import annotations

import ipaddress

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def unmapped(address: IPAddress) -> IPAddress:
    """IPv4 that is only written as IPv6 (::ffff:192.0.2.1), which is what sockets for both make of it, is
    IPv4: networks, limits and logs mean the same client by both."""
    return (address.ipv4_mapped or address) if address.version == 6 else address
