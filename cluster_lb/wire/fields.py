"""A field block: the lines between a start line and the empty line, both heads' common part.

The block is looked at as a whole, and in C: three passes hold it to the grammar of RFC 9110 section 5.5 and
RFC 9112 section 5, a regular expression finds the few fields that a proxy must know. The grammar is strict:
no space before the colon, no obs-fold, no bare CR or LF, no NUL or other control character in a value.
Possessive quantifiers keep the time linear in the size of the block.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"

#: All that a valid block holds: what a value may (HTAB, SP, visible ASCII, obs-text: RFC 9110 section 5.5;
#: optional white space around it is part of it here), and the ends of lines.
_ALLOWED = b"\t\r\n" + bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))
_WITHOUT_OTHERS = bytes(byte if byte in _ALLOWED else 0x20 for byte in range(0x100))

#: Looser than the grammar, and many times as quick: `is_block` sees to the rest.
ANY_VALUE = rb":[^\r]*+\r\n"

_are_lines = re.compile(rb"(?:" + TOKEN + ANY_VALUE + rb")*+\r\n").fullmatch

_each_line = re.compile(rb"([^:\r]++):([^\r]*+)\r\n").finditer


def is_block(block: bytes) -> bool:
    """Whether this is a whole block, each line with its CRLF, ended by the empty line."""
    # No value has a CR. If each LF follows one, no value has a LF; nor has it anything else that it must not.
    return _are_lines(block) is not None and block.count(b"\n") == block.count(b"\r\n") and is_allowed(block)


def is_allowed(data: bytes) -> bool:
    """Whether no byte is other than a valid block may hold."""
    # Half the cost of deleting what is allowed: without a change translate gives back what it got.
    return data.translate(_WITHOUT_OTHERS) == data


class Line(NamedTuple):
    """One field line of a block: lower-case name, value without the white space around it, and where the
    line with its CRLF begins and ends in the block."""

    name: bytes
    value: bytes
    start: int
    end: int


def finder(*names: str, prefixes: Iterable[str] = (), dash: str = "-") -> Callable[[bytes], list[Line]]:
    """A function that lists the lines of a valid block whose names are among `names`, or begin with one of
    `prefixes` (all in lower case).

    `dash`: the pattern of what counts as a dash. It searches a copy in lower case for a literal newline,
    which is what makes it quick.
    """
    patterns = [re.escape(name) for name in names] + [re.escape(prefix) + "[^:]*+" for prefix in prefixes]
    alternatives = "|".join(pattern.replace(r"\-", dash) for pattern in patterns).encode()
    search = re.compile(rb"\n(" + alternatives + rb"):[\t ]*+([^\r]*+)").finditer

    def find(block: bytes) -> list[Line]:
        # One byte in front, so that the first line begins after a newline too.
        return [
            Line(m[1], block[m.start(2) - 1 : m.end() - 1].rstrip(b"\t "), m.start(), m.end() + 1)
            for m in search(b"\n" + block.lower())
        ]

    return find


def named(block: bytes, names: Collection[bytes]) -> list[Line]:
    """The lines of a valid block whose names are among `names` (in lower case), which are not known before:
    no pattern is compiled for what a peer made up."""
    return [
        Line(name, m[2].strip(b"\t "), m.start(), m.end())
        for m in _each_line(block)
        if (name := m[1].lower()) in names
    ]


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
