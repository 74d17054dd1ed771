"""What a route asks of a request, and which of two routes is the more specific one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class PathKind(IntEnum):
    """How a path is compared; the higher is the more specific."""

    PREFIX = 0
    REGEX = 1
    EXACT = 2


@dataclass(frozen=True, slots=True)
class FieldCondition:
    """One condition on a header field, by its lower-case name: present, or (one of the two) with exactly this
    value, or with one that the pattern matches. Several lines of a field are one value, joined by `, `."""

    name: str
    value: bytes | None = None
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """The conditions of one route; all must hold.

    `host`: lower case, empty: any, `*.` before a name: everything under that name. `path`: by `kind`; a
    prefix has no slash at its end, so `/` is empty. `methods`: empty: any.
    """

    host: bytes = b""
    kind: PathKind = PathKind.PREFIX
    path: bytes = b""
    methods: frozenset[bytes] = frozenset()
    fields: tuple[FieldCondition, ...] = ()
    priority: int = 0

    @property
    def is_wildcard(self) -> bool:
        return self.host.startswith(b"*.")

    def specificity(self) -> tuple[int, ...]:
        """Of two routes that match a request the one with the greater is taken; of equals the first of the
        table. A method is one condition, each field another."""
        return (
            self.priority,
            (1 if self.is_wildcard else 2) if self.host else 0,
            len(self.host) if self.is_wildcard else 0,
            self.kind,
            len(self.path) if self.kind is PathKind.PREFIX else 0,
            bool(self.methods) + len(self.fields),
        )
