"""X-Forwarded-For, -Proto, -Host and Forwarded (RFC 7239): who asked, how, and for what.

Believed only from a trusted peer, to whose values this hop is added; from anyone else they are replaced.
"""

from __future__ import annotations

import re
from functools import lru_cache

_TOLD_HERE = {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded"}

_is_token = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch


@lru_cache(maxsize=4096)  # most requests have no such fields, and the client and the host of others
def forwarding_lines(
    peer: bytes, proto: bytes, host: bytes | None, received: tuple[tuple[bytes, bytes], ...]
) -> bytes:
    """The lines that tell the server of the client at address `peer` (without port or brackets).

    `received`: the (lower-case name, value) pairs that came from a trusted peer; empty otherwise. Those that
    this hop has nothing to say to (X-Forwarded-Port and its like) go on as they came.
    """
    before = dict(received)
    chain = before.get(b"x-forwarded-for")
    lines = [
        b"X-Forwarded-For: " + (chain + b", " + peer if chain else peer),
        b"X-Forwarded-Proto: " + before.get(b"x-forwarded-proto", proto),
    ]
    original_host = before.get(b"x-forwarded-host", host)
    if original_host:
        lines.append(b"X-Forwarded-Host: " + original_host)
    element = _element(peer, proto, host)
    forwarded = before.get(b"forwarded")
    lines.append(b"Forwarded: " + (forwarded + b", " + element if forwarded else element))
    lines += [name + b": " + value for name, value in received if name not in _TOLD_HERE]
    return b"\r\n".join(lines) + b"\r\n"


def _element(peer: bytes, proto: bytes, host: bytes | None) -> bytes:
    """One forwarded-element of RFC 7239 section 4; IPv6 and hosts with a port need quotes."""
    pairs = [b"for=" + (b'"[' + peer + b']"' if b":" in peer else peer)]
    if host:
        pairs.append(b"host=" + (host if _is_token(host) else b'"' + host + b'"'))
    pairs.append(b"proto=" + proto)
    return b";".join(pairs)
