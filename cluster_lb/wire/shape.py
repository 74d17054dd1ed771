"""Field blocks of one shape: the same lines but for values that mean nothing to a proxy.

A client's next request mostly differs from its last one in the value of a cookie or a referrer. The shape of
a block that was analysed is one regular expression: the same names in the same order, and the same lines
where a value means something to this hop. What another block of that shape says is known without analysis.
"""

from __future__ import annotations

import re

from cluster_lb.wire import fields, hops
from cluster_lb.wire.request_head import KEPT, known_lines

_line = re.compile(rb"([^:\r]++)" + fields.ANY_VALUE)
_HARMLESS = hops.HOP_BY_HOP | {b"close"}  # what Connection may say without a line being dropped for it


class Shape:
    """The shape of one block, from its `pattern_of`."""

    __slots__ = ("_lines", "_match")

    def __init__(self, pattern: bytes, lines: int) -> None:
        self._match = re.compile(pattern).fullmatch
        self._lines = lines

    def end_to_end(self, data: bytes, start: int) -> bytes | None:
        """The lines to forward of the block that `data` has from `start` on; None for another shape."""
        match = self._match(data, start)
        # No value holds a CR. Nor does one hold a LF, if there are only those of the lines; nor anything else
        # that it must not.
        if match is None or data.count(b"\n", start) != self._lines or not fields.is_allowed(data):
            return None
        return b"".join(match.groups())


def pattern_of(block: bytes) -> bytes | None:
    """What the shape of a valid request's block is made of, equal for blocks of one shape; None where a
    value decides which lines go on (Connection may name any)."""
    pieces, position = [b"("], 0
    for line in known_lines(block):
        if line.name == b"connection" and not _HARMLESS.issuperset(hops.connection_options([line.value])):
            return None
        literal = re.escape(block[line.start : line.end])
        pieces.append(_neutral(block[position : line.start]))
        pieces.append(literal if line.name in KEPT else b")" + literal + b"(")
        position = line.end
    return b"".join(pieces) + _neutral(block[position:-2]) + rb")\r\n"


def _neutral(lines: bytes) -> bytes:
    return _line.sub(lambda line: re.escape(line[1]) + fields.ANY_VALUE, lines)
