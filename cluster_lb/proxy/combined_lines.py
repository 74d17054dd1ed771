"""The combined form of NCSA servers, as nginx and Apache write it, for what reads their logs."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from cluster_lb.proxy.access_lines import BACKSLASH, QUOTE, Lines, escaped

if TYPE_CHECKING:
    from cluster_lb.proxy.exchange import Exchange
    from cluster_lb.proxy.server import LiveServer

_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # whatever the locale
_MAX_KNOWN_BYTES = 2048  # longer field blocks hold cookies and do not repeat on other connections
_KNOWN = 1024  # field blocks whose two fields are at hand: 2 MiB at most

_field = rb"(?mi:^%b:[\t ]*+([^\r\n]*+))"
_referer = re.compile(_field % b"Referer").search
_agent = re.compile(_field % b"User-Agent").search


class CombinedLines(Lines):
    """`client - - [time] "request line" status bytes "referer" "user agent"`. Time is UTC. There is no place
    for a request id."""

    def __init__(self) -> None:
        self._stamp = b""

    def set_time(self, wall: float) -> None:
        now = datetime.fromtimestamp(wall, UTC)
        self._stamp = f" - - [{now:%d}/{_MONTHS[now.month - 1]}/{now:%Y:%H:%M:%S} +0000] ".encode("ascii")

    def line(self, exchange: Exchange, server: LiveServer | None, elapsed: float) -> bytes:
        request = exchange.request_line[:-2]
        if QUOTE in request or BACKSLASH in request:
            request = escaped(request)
        peer = exchange.client.peer.encode("ascii", "replace")
        fields = referer_and_agent(exchange)
        return b'%b%b"%b" %d %d %b' % (
            peer,
            self._stamp,
            request,
            exchange.status,
            exchange.response_bytes,
            fields,
        )

    def refusal(self, peer: str, status: int, reason: str) -> bytes:
        return b'%b%b"-" %d 0 "-" "-"' % (peer.encode("ascii", "replace"), self._stamp, status)


def referer_and_agent(exchange: Exchange) -> bytes:
    """Both fields of the request in quotes. They are looked up in what goes to the server, behind the lines
    that differ from request to request; the same block is searched once."""
    head = exchange.head
    block = head[head.find(b"\n") + 1 + len(exchange.own_lines) : head.find(b"\r\n\r\n") + 2]
    return _known_fields(block) if len(block) <= _MAX_KNOWN_BYTES else _fields(block)


def _fields(block: bytes) -> bytes:
    found = [search(block) for search in (_referer, _agent)]
    return b" ".join(b'"%b"' % (escaped(match[1].rstrip(b"\t ")) if match else b"-") for match in found)


_known_fields = lru_cache(maxsize=_KNOWN)(_fields)
