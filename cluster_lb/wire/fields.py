"""A field block: the lines between a start line and the empty line, both heads' common part.

The block is looked at twice, both times in C: one regular expression holds the whole of it to the grammar of
RFC 9110 section 5.5 and RFC 9112 section 5, a second one finds the few fields that a proxy must know. The
grammar is strict: no space before the colon, no obs-fold, no bare CR or LF, no NUL or other control
character in a value. Possessive quantifiers keep the time linear in the size of the block.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"

# HTAB, SP, visible ASCII, obs-text (RFC 9110 section 5.5); optional white space around it is part of it here.
_LINE = TOKEN + rb":[\t\x20-\x7e\x80-\xff]*+\r\n"

#: Matches a whole block, each line with its CRLF, ended by the empty line.
is_block = re.compile(rb"(?:" + _LINE + rb")*+\r\n").fullmatch


class Line(NamedTuple):
    """One field line of a block: lower-case name, value without the white space around it, and where the
    line with its CRLF begins and ends in the block."""

    name: bytes
    value: bytes
    start: int
    end: int


def finder(*names: str) -> Callable[[bytes], list[Line]]:
    """A function that lists the lines of a valid block whose names are among `names` (in lower case).

    It searches a copy in lower case for a literal newline, which is what makes it quick.
    """
    alternatives = "|".join(re.escape(name) for name in names).encode()
    search = re.compile(rb"\n(" + alternatives + rb"):[\t ]*+([^\r]*+)").finditer

    def find(block: bytes) -> list[Line]:
        # One byte in front, so that the first line begins after a newline too.
        return [
            Line(m[1], block[m.start(2) - 1 : m.end() - 1].rstrip(b"\t "), m.start(), m.end() + 1)
            for m in search(b"\n" + block.lower())
        ]

    return find


def tokens(value: bytes) -> list[bytes]:
    """The elements of a comma separated list in lower case, without empty ones (RFC 9110 section 5.6.1)."""
    return [element for part in value.split(b",") if (element := part.strip(b" \t").lower())]


def without_lines(block: bytes, lines: Iterable[Line]) -> bytes:
    """`block` without `lines` (in the order of the block)."""
    kept, position = [], 0
    for line in lines:
        kept.append(block[position : line.start])
        position = line.end
    kept.append(block[position:])
    return b"".join(kept)
