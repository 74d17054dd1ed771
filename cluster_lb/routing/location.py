"""The Location of a redirect, made from a template and the request."""

from __future__ import annotations

import re
from urllib.parse import quote_from_bytes

from cluster_lb.errors import InvalidValueError
from cluster_lb.routing.host import without_port
from cluster_lb.routing.template import Template

VARIABLES = ("host", "path", "query", "uri")

# Where the client is sent must not depend on its own path: `{path}` may be `//evil.example`, which is another
# host at the start of a reference, or after one slash (RFC 3986 section 4.2; browsers skip more slashes).
_is_anchored = re.compile(
    r"https?://(?:\{host\}|[A-Za-z0-9.:\[\]-]+)(?::[0-9]+)?(?:$|[/?#].*|\{(?:path|uri)\}.*)|/(?:[^/\\{].*)?"
).fullmatch

# What RFC 3986 allows in a path or a query, and `%`: the client's own encoding stays.
_SAFE = "/%:@!$&'()*+,;=-._~?[]"


class Location:
    """`needs_host`: it cannot be told to a client that named no host."""

    __slots__ = ("_template", "needs_host")

    def __init__(self, text: str) -> None:
        """Raises InvalidValueError for what could send clients anywhere, or is not a template."""
        self._template = Template.parse(text, VARIABLES)
        self.needs_host = "host" in self._template.variables
        if not _is_anchored(text):
            raise InvalidValueError(
                f"{text!r} must begin with http:// or https:// and a host or {{host}}, followed by nothing, "
                "a path, {path} or {uri}; or with / and a path of its own"
            )

    def of(self, host: bytes, target: bytes) -> bytes:
        """For a request to `host` (with any port, which is left out) with this target."""
        path, _, query = target.partition(b"?")
        if path == b"*":  # of OPTIONS: it is no path
            path = target = b"/"
        return self._template.render(
            {
                "host": without_port(host),
                "path": _encoded(path),
                "query": _encoded(query),
                "uri": _encoded(target),
            }
        )


def _encoded(text: bytes) -> bytes:
    return quote_from_bytes(text, _SAFE).encode("ascii")
