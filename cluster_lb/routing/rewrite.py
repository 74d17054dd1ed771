"""What a route makes of the path on the way to servers."""

from __future__ import annotations


class PathRewrite:
    """Replaces `prefix` (whole segments; without a slash at its end) by `replacement` (the same). A target
    that does not begin with it stays as it is."""

    __slots__ = ("_prefix", "_replacement")

    def __init__(self, prefix: str, replacement: str = "") -> None:
        self._prefix = prefix.rstrip("/").encode("ascii")
        self._replacement = replacement.rstrip("/").encode("ascii")

    def target(self, target: bytes) -> bytes:
        """The target for servers: with a path that begins with a slash, and the query as it was."""
        path, mark, query = target.partition(b"?")
        prefix = self._prefix
        rest = path[len(prefix) :]
        if not path.startswith(prefix) or (rest and not rest.startswith(b"/")):
            return target
        return (self._replacement + rest or b"/") + mark + query
