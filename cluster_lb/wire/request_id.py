"""Which request ids are accepted, and how a request is given one of ours."""

from __future__ import annotations

import re
from collections.abc import Callable

from cluster_lb.wire import fields

MAX_ID_BYTES = 128  # Amazon's trace ids have 74, UUIDs 36

# Token characters, and what base64 and Amazon's X-Amzn-Trace-Id have besides: nothing that needs quoting in
# a log, a shell or a URL's path.
_is_id = re.compile(rb"[0-9A-Za-z!#$&'*+.^_`|~:;/=@-]{1,%d}" % MAX_ID_BYTES).fullmatch

#: end-to-end lines -> these lines without the id field, and its value when it is acceptable, else empty.
TakeId = Callable[[bytes], tuple[bytes, bytes]]


def id_taker(header: str) -> TakeId:
    """How the field `header` is taken out of field lines (each with its CRLF, without an empty line)."""
    find = fields.finder(header.lower())

    def take(lines: bytes) -> tuple[bytes, bytes]:
        found = find(lines)
        if not found:
            return lines, b""
        value = found[0].value if len(found) == 1 and _is_id(found[0].value) else b""
        return fields.without_lines(lines, found), value

    return take
