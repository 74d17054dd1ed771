"""The number of a request for the hash policies: a hash of its key.

A key is made of what the client asked (its address, the path and the query as they came) and of header fields
as servers get them, after a route's edits. A request that has none of a key's sources, such as the first one
of a client that has no cookie yet, gets random bits: it goes to any server by weight, not all to one (so does
Envoy; HAProxy goes on in turn).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import getrandbits
from typing import TYPE_CHECKING

from cluster_lb.picking.hashing import BITS, hash_of
from cluster_lb.settings.hash_key import Source, parse_hash_key
from cluster_lb.wire.fields import finder

if TYPE_CHECKING:
    from cluster_lb.proxy.exchange import Exchange

_ValueOf = Callable[["Exchange"], bytes]  # empty: the request has none


def number_of(hash_key: str) -> Callable[[Exchange], int]:
    """The function that gives the number, compiled from the setting."""
    parts = [part if isinstance(part, bytes) else _value_of(part) for part in parse_hash_key(hash_key)]
    if len(parts) == 1 and callable(parts[0]):
        return _number_of_one(parts[0])

    def number(exchange: Exchange) -> int:
        values = [part if isinstance(part, bytes) else part(exchange) for part in parts]
        if not any(value for value, part in zip(values, parts, strict=True) if callable(part)):
            return getrandbits(BITS)
        return hash_of(b"".join(values))

    return number


def _number_of_one(value_of: _ValueOf) -> Callable[[Exchange], int]:
    def number(exchange: Exchange) -> int:
        value = value_of(exchange)
        return hash_of(value) if value else getrandbits(BITS)

    return number


def _value_of(source: Source) -> _ValueOf:
    if source.kind == "client_ip":
        return lambda exchange: exchange.client.address().encode("ascii")
    if source.kind == "path":
        return lambda exchange: _target(exchange).partition(b"?")[0]
    if source.kind == "header":
        return _field(source.name, b", ")
    name = re.escape(source.name.encode("ascii"))
    if source.kind == "cookie":
        return _cookie(name)
    return _argument(name)


def _target(exchange: Exchange) -> bytes:
    """As the client wrote it, whatever a route makes of it."""
    return exchange.request_line.split(b" ", 2)[1]


def _field(name: str, joined_by: bytes) -> _ValueOf:
    """The values of all lines of that name."""
    find = finder(name)

    def value(exchange: Exchange) -> bytes:
        head = exchange.head
        return joined_by.join([line.value for line in find(head[: head.index(b"\r\n\r\n") + 4])])

    return value


def _cookie(name: bytes) -> _ValueOf:
    """The first cookie of that name, which is the most specific one (RFC 6265 section 5.4)."""
    cookies = _field("cookie", b";")
    search = re.compile(rb"(?:\A|;)[\t ]*+" + name + rb"=([^;]*+)").search

    def value(exchange: Exchange) -> bytes:
        match = search(cookies(exchange))
        return match[1].strip(b"\t ") if match else b""

    return value


def _argument(name: bytes) -> _ValueOf:
    """The first argument of that name, nothing decoded (HAProxy `url_param`)."""
    search = re.compile(rb"(?:\A|&)" + name + rb"=([^&]*+)").search

    def value(exchange: Exchange) -> bytes:
        match = search(_target(exchange).partition(b"?")[2])
        return match[1] if match else b""

    return value
