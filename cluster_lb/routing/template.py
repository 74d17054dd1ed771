"""Texts with variables in braces: locations of redirects, values of header fields."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from cluster_lb.errors import InvalidValueError

_pieces = re.compile(r"\{\{|\}\}|\{([a-z_]*)\}|[{}]|[^{}]+").finditer
# A tab, a space, visible ASCII: what no field value is broken by.
_is_safe = re.compile(r"[\t\x20-\x7e]*").fullmatch


class Template:
    """A parsed text. `variables`: the names of those that occur in it; `{{` and `}}` stand for braces."""

    __slots__ = ("_parts", "variables")

    def __init__(self, parts: tuple[bytes | str, ...]) -> None:
        self._parts = parts  # bytes as they are, str: a variable's name
        self.variables = frozenset(part for part in parts if isinstance(part, str))

    @classmethod
    def parse(cls, text: str, known: Collection[str]) -> Template:
        """Raises InvalidValueError for an unknown variable, a lone brace, or a character that is not visible
        ASCII (a line break would begin another field)."""
        if not _is_safe(text):
            raise InvalidValueError(f"{text!r} may hold visible ASCII characters, spaces and tabs only")
        parts: list[bytes | str] = []
        for piece in _pieces(text):
            name, whole = piece[1], piece[0]
            if name is not None:
                if name not in known:
                    raise InvalidValueError(f"unknown variable {whole}; known: {_listed(known)}")
                parts.append(name)
            elif whole in "{}":
                raise InvalidValueError(f"lone {whole!r} in {text!r}; write {whole * 2!r} for the character")
            else:
                parts.append((whole[0] if whole in ("{{", "}}") else whole).encode("ascii"))
        return cls(tuple(parts))

    def render(self, values: Mapping[str, bytes]) -> bytes:
        """The text with each variable replaced by its value."""
        return b"".join(values[part] if isinstance(part, str) else part for part in self._parts)


def _listed(names: Collection[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names))
