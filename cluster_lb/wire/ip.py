"""IP addresses as peers write them."""

from __future__ import annotations

import ipaddress

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def unmapped(address: IPAddress) -> IPAddress:
    """IPv4 that is only written as IPv6 (::ffff:192.0.2.1), which is what sockets for both make of it, is
    IPv4: networks, limits and logs mean the same client by both."""
    return (address.ipv4_mapped or address) if address.version == 6 else address


def address_in_chain(element: str) -> IPAddress:
    """The address in an element of X-Forwarded-For; some proxies write it with the client's port, IPv6 then
    in brackets. Raises ValueError."""
    if element.startswith("["):
        element = element[1:].partition("]")[0]
    elif element.count(":") == 1:
        element = element.partition(":")[0]
    return unmapped(ipaddress.ip_address(element))
