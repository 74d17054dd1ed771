"""What a route does to the field lines of a head: remove, set, add."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from cluster_lb.errors import InvalidValueError
from cluster_lb.routing.template import Template
from cluster_lb.wire import hops
from cluster_lb.wire.fields import finder, without_lines

#: What values may hold: the client's address, the host that it asked for (without a port), the route's name.
VARIABLES = ("client", "host", "route")
#: And of responses: the request's id, empty where the listener gives none. Servers get it in a field anyway.
RESPONSE_VARIABLES = (*VARIABLES, "request_id")

_is_token = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch

# Fields that end at this hop, frame the message, or that this hop answers for: an edit would make two
# parsers read two messages, or break the connection.
_OURS = {name.decode() for name in hops.HOP_BY_HOP} | {
    "content-length",
    "expect",
    "host",
    "trailer",
    "transfer-encoding",
}


def check_field_name(name: str) -> str:
    """Return `name` when a route may edit the field, or make a condition of it. Raises InvalidValueError."""
    if not _is_token(name):
        raise InvalidValueError(f"{name!r} is not a field name")
    if name.lower() == "host":
        raise InvalidValueError("Host has a key of its own: `host` to match it, `set_host` to replace it")
    if name.lower() in _OURS:
        raise InvalidValueError(
            f"{name} belongs to the connection or frames the message; it is not a route's"
        )
    return name


class FieldEdits:
    """Compiled edits. `varies`: values hold variables, so the outcome depends on more than the block.
    `unique`: one of them differs for each request, so no outcome is worth remembering."""

    __slots__ = ("_find", "_lines", "unique", "varies")

    def __init__(
        self, dropped: Iterable[str], set_to: Mapping[str, str], added: Sequence[tuple[str, str]]
    ) -> None:
        """`dropped` go, and so does what `set_to` replaces; then the lines of `set_to` and `added` follow."""
        self._find = finder(*sorted({name.lower() for name in (*dropped, *set_to)} or {" "}))
        lines = [*set_to.items(), *added]
        self._lines = [
            (name.encode("ascii"), Template.parse(text, RESPONSE_VARIABLES)) for name, text in lines
        ]
        self.varies = any(template.variables for _, template in self._lines)
        self.unique = any("request_id" in template.variables for _, template in self._lines)

    def apply(self, block: bytes, values: Mapping[str, bytes]) -> bytes:
        """`block`: field lines without the empty line. `values`: of the variables."""
        kept = without_lines(block, self._find(block))
        added = [b"%b: %b\r\n" % (name, template.render(values)) for name, template in self._lines]
        return kept + b"".join(added)
