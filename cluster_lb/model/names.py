"""What may be a name: pools, servers, nodes. They become parts of Redis keys: a narrow alphabet."""

from __future__ import annotations

import re

from cluster_lb.errors import InvalidValueError

_POOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ID = re.compile(r"[A-Za-z0-9\[][A-Za-z0-9._:\[\]@-]{0,127}")


def check_pool_name(name: str) -> str:
    """Return `name` when it can name a pool: letters, digits, `.`, `_`, `-`; at most 64 characters."""
    if not _POOL.fullmatch(name):
        raise InvalidValueError(
            f"pool name {name!r}: use 1 to 64 letters, digits, '.', '_' or '-', a letter or digit first"
        )
    return name


def check_id(identifier: str, what: str) -> str:
    """Return `identifier` when it can name a server or a node (`what` says which, for the error)."""
    if not _ID.fullmatch(identifier):
        raise InvalidValueError(
            f"{what} id {identifier!r}: use 1 to 128 letters, digits or '.', '_', ':', '@', '-', '[', ']'"
        )
    return identifier
