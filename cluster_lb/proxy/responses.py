"""The responses that the balancer makes itself: short, plain, signed `Server: cluster-lb`."""

from __future__ import annotations

import math
from http import HTTPStatus


def own_response(status: int, reason: str, *, head_only: bool, close: bool, lines: bytes = b"") -> bytes:
    """A whole response; `reason` goes into the body for the client, so it must hold nothing internal.
    `lines`: further header lines, each with its CRLF."""
    phrase = HTTPStatus(status).phrase
    body = f"{status} {phrase}: {reason}\n".encode("ascii", "replace")
    head = (
        f"HTTP/1.1 {status} {phrase}\r\nServer: cluster-lb\r\nContent-Type: text/plain\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\n"
    ).encode("ascii")
    head += lines
    if close:
        head += b"Connection: close\r\n"
    head += b"\r\n"
    return head if head_only else head + body


def retry_after(seconds: float) -> bytes:
    """The line that says when to come again (RFC 9110 section 10.2.3)."""
    return b"Retry-After: %d\r\n" % whole_seconds(seconds)


def whole_seconds(seconds: float) -> int:
    """Seconds as header fields take them: whole, and none too early."""
    return max(1, math.ceil(seconds))
