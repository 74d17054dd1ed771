"""The field block of a request as it came, its analysis, and what servers get in its place.

Requests of a connection mostly have the same block, and clients of one kind send the same on each new
connection: comparing is far cheaper than parsing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from cluster_lb.proxy.request_body import MAX_KEPT_BYTES
from cluster_lb.wire.forwarding import forwarding_lines
from cluster_lb.wire.framing import Framing
from cluster_lb.wire.request_head import RequestFields, parse_request_fields
from cluster_lb.wire.shape import Shape

if TYPE_CHECKING:
    from cluster_lb.proxy.exchange import Exchange
    from cluster_lb.proxy.route import Route
    from cluster_lb.proxy.router import Router

MAX_SHARED_BYTES = 2048  # larger blocks hold cookies, and do not repeat on other connections
_SHARED = 1024  # at most 1024 blocks of 2 KiB, three times over: 6 MiB


# As it came, and: router, type of exchange, route, method, request line, what servers get.
WholeRequest = tuple[bytes, "Router | None", "type[Exchange]", "Route", bytes, bytes, bytes]
# Router, what targets begin with that take one route whatever else their requests say, and that route.
Section = tuple["Router | None", bytes, "Route"]
NO_SECTION = cast("Section", (None, b"", None))
NO_REQUEST = cast("WholeRequest", (b"", None, None, None, b"", b"", b""))  # no request is empty


@dataclass(slots=True)
class RequestMemo:
    """`tail`: what follows the request line on the way to servers, with the empty line. It is made for the
    client at `peer` with `identity`. `common`: requests in HTTP/1.1 with this block may take the common path
    when they come whole, `block_bytes` and `body_bytes` after their request line, `message_bytes` together;
    `special`: these have a body, or end their connection. `edited`: the tail as the last route that edits
    fields made it. `shape`: that of the block, once it is known. `whole`: the last plain request with this
    block, as it came, and what was made of it under the router of then; `head`: the same of one with a body,
    which is left out. `section`: where the first request with this block went, for others that go there."""

    block: bytes
    fields: RequestFields
    tail: bytes
    peer: str
    identity: bytes
    common: bool
    block_bytes: int
    message_bytes: int
    body_bytes: int
    special: bool
    edited: tuple[Route, bytes] | None = None
    shape: Shape | None = None
    whole: WholeRequest = NO_REQUEST
    head: WholeRequest = NO_REQUEST
    section: Section = NO_SECTION

    def tail_of(self, data: bytes, start: int, limit: int) -> bytes | None:
        """The tail for a request without body whose block `data` has from `start` on; None unless the block
        is of this one's shape, and `data` no longer than `limit`."""
        if self.shape is None or len(data) > limit:
            return None
        end_to_end = self.shape.end_to_end(data, start)
        return None if end_to_end is None else end_to_end + self.tail[len(self.fields.end_to_end) :]


NO_MEMO = RequestMemo(
    b"",
    RequestFields(None, Framing.NONE, 0, False, False, False, b"", b"", ()),
    b"",
    peer="",
    identity=b"",
    common=False,
    block_bytes=0,
    message_bytes=-1,
    body_bytes=0,
    special=False,
)


def learn(
    block: bytes, peer: str, max_lines: int, *, trusted: bool, proto: bytes = b"http", identity: bytes = b""
) -> RequestMemo:
    """Analyse a block (the field lines and the empty line) of the client at `peer`, which speaks `proto`;
    `trusted`: its forwarding fields are believed; `identity`: lines on its certificate. Raises
    BadRequestError."""
    make = _shared_memo if len(block) <= MAX_SHARED_BYTES else _memo
    return make(block, peer, max_lines, trusted, proto, identity)


def _memo(
    block: bytes, peer: str, max_lines: int, trusted: bool, proto: bytes, identity: bytes
) -> RequestMemo:
    fields = parse_request_fields(block, max_lines)
    received = fields.forwarding if trusted else ()
    tail = fields.end_to_end + forwarding_lines(peer.encode("ascii"), proto, fields.host, received) + identity
    if fields.upgrade:
        tail += b"Connection: upgrade\r\nUpgrade: " + fields.upgrade + b"\r\n"
    bounded = fields.framing is not Framing.CHUNKED and fields.length <= MAX_KEPT_BYTES
    waits = bool(fields.upgrade) or fields.expects_continue
    return RequestMemo(
        block,
        fields,
        tail + b"\r\n",
        peer,
        identity,
        common=bounded and not waits and fields.host is not None,
        block_bytes=len(block),
        message_bytes=len(block) + fields.length,
        body_bytes=fields.length,
        special=fields.length > 0 or fields.close,
    )


_shared_memo = lru_cache(maxsize=_SHARED)(_memo)
