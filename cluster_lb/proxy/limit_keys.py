"""What a rate limit counts by: the key of a request, short and printable whatever a client sends."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING
from urllib.parse import quote_from_bytes

from cluster_lb.routing.host import without_port
from cluster_lb.settings.rates import RateLimitSettings
from cluster_lb.wire.fields import finder
from cluster_lb.wire.ip import address_in_chain
from cluster_lb.wire.request_head import RequestFields

if TYPE_CHECKING:
    from cluster_lb.proxy.downstream import Downstream

KeyOf = Callable[["Downstream", RequestFields], str]

_MAX_PLAIN_BYTES = 64  # longer values are digested: a key takes the same room whatever a client sends


def key_of(settings: RateLimitSettings) -> KeyOf:
    """The function that finds the key of a request."""
    kind, _, name = settings.key.partition(":")
    if kind == "client_ip":
        return lambda client, fields: network_of(client_address(client, fields), settings.ipv6_prefix)
    if kind == "header":
        return _header(name)
    if kind == "host":
        return lambda client, fields: _printable(without_port(fields.host or b"").lower())
    return lambda client, fields: ""


def client_address(client: Downstream, fields: RequestFields) -> str:
    """Who asks: the peer; behind trusted proxies the last address of X-Forwarded-For that is none of them
    (nginx real_ip_recursive)."""
    address, trusts = client.peer, client.listener.trusts
    if not trusts(address):
        return address
    for hop in reversed(dict(fields.forwarding).get(b"x-forwarded-for", b"").split(b",")):
        try:
            address = str(address_in_chain(hop.strip().decode("ascii")))
        except ValueError:
            break  # not an address: what stands before it is anybody's claim
        if not trusts(address):
            break
    return address


@lru_cache(maxsize=4096)
def network_of(address: str, ipv6_prefix: int) -> str:
    """The network that counts as one client: an IPv4 address, or the IPv6 network of so many bits."""
    host = address.partition("%")[0]
    if ":" not in host:
        return host
    return str(ipaddress.ip_network((host, ipv6_prefix), strict=False))


def _header(name: str) -> KeyOf:
    find = finder(name)

    def key(client: Downstream, fields: RequestFields) -> str:
        # Requests without the field share one key: leaving it out must not be a way around the limit.
        return _printable(b",".join(line.value for line in find(fields.end_to_end)))

    return key


def _printable(value: bytes) -> str:
    if len(value) > _MAX_PLAIN_BYTES:
        return blake2b(value, digest_size=16).hexdigest()
    return quote_from_bytes(value, safe="/:.@+=,[]")
