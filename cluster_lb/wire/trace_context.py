"""W3C Trace Context, level 1: the fields `traceparent` and `tracestate`.

https://www.w3.org/TR/trace-context-1/ sections 3.2 (form) and 4 (what a hop does): a valid `traceparent` is
continued with a parent id of this hop; with an invalid one, several, or none, a new trace begins, and the
`tracestate` that came with it goes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cluster_lb.wire import fields

_SAMPLED = 0x01

# Version 00 is exactly this; a later version may go on behind a dash; ff is none.
_parent = re.compile(rb"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?").fullmatch
_find = fields.finder("traceparent", "tracestate")


@dataclass(frozen=True, slots=True)
class TraceParent:
    """Where a request comes from: ids as lower-case hexadecimal digits (32 and 16)."""

    trace_id: bytes
    span_id: bytes
    sampled: bool

    def line(self) -> bytes:
        """The field line, in version 00."""
        return b"traceparent: 00-%b-%b-%b\r\n" % (
            self.trace_id,
            self.span_id,
            b"01" if self.sampled else b"00",
        )


def parse_traceparent(value: bytes) -> TraceParent | None:
    """None for what is not valid."""
    match = _parent(value)
    if match is None or (match[1] == b"00" and match[5]):
        return None
    _, trace_id, span_id, flags, _ = match.groups()
    if not trace_id.strip(b"0") or not span_id.strip(b"0"):
        return None
    return TraceParent(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))


def take_trace_context(lines: bytes) -> tuple[bytes, TraceParent | None, bytes]:
    """Field lines without `traceparent`, and without `tracestate` where a new trace begins; the parent; the
    value of `tracestate` that stays."""
    found = _find(lines)
    parents = [line for line in found if line.name == b"traceparent"]
    parent = parse_traceparent(parents[0].value) if len(parents) == 1 else None
    if parent is None:
        return fields.without_lines(lines, found), None, b""
    states = [line.value for line in found if line.name == b"tracestate"]
    return fields.without_lines(lines, parents), parent, b",".join(states)
