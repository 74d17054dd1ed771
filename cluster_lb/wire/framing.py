"""How long a body is: RFC 9112 section 6.3, in its order, without its lenience.

Two parsers that disagree about the end of a message are what request smuggling lives on, so everything
that could be read in two ways is an error here: Content-Length beside Transfer-Encoding, a repeated or
listed or signed Content-Length, any transfer coding but one single `chunked`.
"""

from __future__ import annotations

from enum import Enum

_MAX_LENGTH_DIGITS = 18  # under 2**63, as nginx and HAProxy hold it


class Framing(Enum):
    """What ends a body."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"


def content_length(values: list[bytes]) -> int:
    """The length in bytes that one Content-Length line gives. Raises ValueError with the reason."""
    if len(values) > 1:
        raise ValueError("repeated Content-Length")
    digits = values[0]
    if not digits.isdigit():
        raise ValueError("Content-Length is not a number")
    if len(digits) > _MAX_LENGTH_DIGITS:
        raise ValueError("Content-Length is too large")
    return int(digits)


def body_framing(lengths: list[bytes], codings: list[bytes]) -> tuple[Framing, int]:
    """What the two fields say: the framing, and the length in bytes where it is LENGTH.

    Without either field the answer is NONE: a request then has no body; a response reads CLOSE for it.
    """
    if codings:
        if lengths:
            raise ValueError("both Transfer-Encoding and Content-Length")
        if len(codings) > 1 or codings[0].lower() != b"chunked":
            raise ValueError("a transfer coding other than a single chunked")
        return Framing.CHUNKED, 0
    if lengths:
        length = content_length(lengths)
        return (Framing.LENGTH, length) if length else (Framing.NONE, 0)
    return Framing.NONE, 0
