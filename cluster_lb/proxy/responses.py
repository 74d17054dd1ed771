"""The responses that the balancer makes itself: short, plain, signed `Server: cluster-lb`."""

from __future__ import annotations

from http import HTTPStatus


def own_response(
    status: int, reason: str, *, head_only: bool, close: bool, retry_after_s: int = 0, lines: str = ""
) -> bytes:
    """A whole response; `reason` goes into the body for the client, so it must hold nothing internal.
    `lines`: further header lines, each with its CRLF."""
    phrase = HTTPStatus(status).phrase
    body = f"{status} {phrase}: {reason}\n".encode("ascii", "replace")
    if retry_after_s:
        lines = f"Retry-After: {retry_after_s}\r\n{lines}"
    if close:
        lines += "Connection: close\r\n"
    head = (
        f"HTTP/1.1 {status} {phrase}\r\nServer: cluster-lb\r\nContent-Type: text/plain\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\n"
        f"{lines}\r\n"
    ).encode("ascii")
    return head if head_only else head + body
