"""A response head: how its body ends, and the head as the client gets it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cluster_lb.wire import fields, hops
from cluster_lb.wire.errors import BadResponseError
from cluster_lb.wire.framing import Framing, body_framing

# RFC 9112 section 4; the reason phrase may be missing, with or without its space.
_status_line = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*+))?\r\n").match
_VERSION = b"HTTP/1."
_known = fields.finder(
    "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "upgrade"
)
_FRAMING = {b"content-length", b"transfer-encoding"}  # what Connection must not name, too

MAX_HEADER_LINES = 100


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """What a response head says.

    `forward`: the head to send on, as HTTP/1.1, hop-by-hop fields removed, without the empty line, so that
    lines can be added. `framing` does not know the request: see `framing_for`. `reusable`: the server keeps
    its connection open after this response, unless that is what ends the body. `says_keep_alive`: the head
    differs from `forward` by a line `Connection: keep-alive` alone.
    """

    status: int
    framing: Framing
    length: int
    reusable: bool
    upgrade: bytes
    forward: bytes
    minor_version: int
    says_keep_alive: bool

    def framing_for(self, method: bytes) -> Framing:
        """How the body ends in the answer to a request of `method` (RFC 9112 section 6.3, steps 1, 2, 8)."""
        if method == b"HEAD" or self.status in (204, 304) or self.status < 200:
            return Framing.NONE
        return self.framing


def parse_response_head(head: bytes) -> ResponseHead:
    """Analyse `head` (status line, field lines and the empty line). Raises BadResponseError."""
    line = _status_line(head)
    if line is None:
        raise BadResponseError("malformed status line")
    block = head[line.end() :]
    if block.count(b"\n") - 1 > MAX_HEADER_LINES:
        raise BadResponseError(f"more than {MAX_HEADER_LINES} header lines")
    if not fields.is_block(block):
        raise BadResponseError("malformed header line")
    found: dict[bytes, list[bytes]] = {}
    removed = []
    status = int(line[2])
    # RFC 9110 section 8.6, RFC 9112 section 6.1: no field frames a body there; a client that believed one
    # would take the next response for it.
    never_framed = status < 200 or status == 204
    for known in _known(block):
        found.setdefault(known.name, []).append(known.value)
        if known.name in hops.HOP_BY_HOP or (never_framed and known.name in _FRAMING):
            removed.append(known)
    options = hops.connection_options(found.get(b"connection", ()))
    minor = int(line[1])
    framing, length = _framing(found, minor)
    try:
        end_to_end = hops.end_to_end(block, removed, options, _FRAMING)
        upgrade = hops.upgrade_protocols(found.get(b"upgrade", ()), options)
    except ValueError as error:
        raise BadResponseError(str(error)) from None
    forward = b"HTTP/1.1 %b %b\r\n%b" % (line[2], line[3] or b"", end_to_end)
    return ResponseHead(
        status=status,
        framing=framing,
        length=length,
        reusable=b"close" not in options and (minor == 1 or b"keep-alive" in options),
        upgrade=upgrade,
        forward=forward,
        minor_version=minor,
        says_keep_alive=(
            options == [b"keep-alive"] and len(removed) == 1 and minor == 1 and line[3] is not None
        ),
    )


def check_begun_head(data: bytes) -> None:
    """Refuse a head at once that has begun in a way that no head goes on: who sends that may never end it,
    and a client would wait for as long as a server may be silent."""
    if not data.startswith(_VERSION[: len(data)]):
        raise BadResponseError("malformed status line")
    if b"\0" in data or data.count(b"\n") != data.count(b"\r\n"):
        raise BadResponseError("NUL or bare LF in a head")


def _framing(found: dict[bytes, list[bytes]], minor: int) -> tuple[Framing, int]:
    lengths, codings = found.get(b"content-length", []), found.get(b"transfer-encoding", [])
    try:
        framing, length = body_framing(lengths, codings)
    except ValueError as error:
        raise BadResponseError(str(error)) from None
    if codings and minor == 0:
        raise BadResponseError("Transfer-Encoding in HTTP/1.0")
    if not lengths and not codings:
        return Framing.CLOSE, 0
    return framing, length
