"""What ends at this hop: a connection's own fields, and what Connection names (RFC 9110 section 7.6.1)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from operator import attrgetter

from cluster_lb.wire import fields

_is_protocol = re.compile(fields.TOKEN + rb"(?:/" + fields.TOKEN + rb")?+").fullmatch

#: Dropped whether Connection names them or not. `te`: no trailer of a response is asked for on behalf of a
#: client. Transfer-Encoding is not among them: bodies pass through as they are framed.
HOP_BY_HOP = frozenset((b"connection", b"keep-alive", b"proxy-connection", b"te", b"upgrade"))


def connection_options(values: Iterable[bytes]) -> list[bytes]:
    """The options in the values of all Connection lines, in lower case."""
    return [option for value in values for option in fields.tokens(value)]


def upgrade_protocols(values: Iterable[bytes], options: Collection[bytes]) -> bytes:
    """The protocols of the Upgrade lines, as one value; empty unless Connection says so too.

    h2c is left out: what follows it is HTTP/2, whose requests would run past this proxy in a tunnel.
    Raises ValueError for what is no list of protocols.
    """
    if b"upgrade" not in options:
        return b""
    protocols = [part.strip(b" \t") for value in values for part in value.split(b",")]
    if not all(_is_protocol(protocol) for protocol in protocols if protocol):
        raise ValueError("malformed Upgrade")
    return b", ".join(protocol for protocol in protocols if protocol and protocol.lower() != b"h2c")


def is_offered(chosen: bytes, offered: bytes) -> bool:
    """Whether a server may switch to the protocols `chosen` where `offered` were asked for, both as
    `upgrade_protocols` gives them (RFC 9110 section 7.8)."""
    return bool(chosen) and set(fields.tokens(chosen)) <= set(fields.tokens(offered))


def end_to_end(
    block: bytes, removed: list[fields.Line], options: Iterable[bytes], kept: Collection[bytes]
) -> bytes:
    """`block` without `removed`, without the lines that `options` name, and without the empty line.

    Raises ValueError when an option names one of `kept`: somebody wants it dropped on the way, which is an
    attack and never a need.
    """
    nominated = set(options) - HOP_BY_HOP - {b"close"}
    for name in nominated & set(kept):
        raise ValueError(f"Connection names {name.decode('ascii')}, which must not be dropped")
    if nominated:
        removed = sorted([*removed, *fields.named(block, nominated)], key=attrgetter("start"))
    return fields.without_lines(block, removed)[:-2]
