"""Which of several certificates a client gets: by the name that it asks for, exact before wildcard."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class ByName(Generic[T]):
    """What belongs to a host name; of two for one name the first is taken. A wildcard stands for one label
    (RFC 6125 section 6.4.3)."""

    def __init__(self, choices: Iterable[tuple[Iterable[str], T]]) -> None:
        self._exact: dict[str, T] = {}
        self._wild: dict[str, T] = {}
        for names, choice in choices:
            for name in names:
                if name.startswith("*."):
                    self._wild.setdefault(name[2:], choice)
                else:
                    self._exact.setdefault(name, choice)

    def find(self, name: str) -> T | None:
        """The choice for `name` as the client wrote it; None when there is none."""
        name = name.lower().rstrip(".")
        found = self._exact.get(name)
        return found if found is not None else self._wild.get(name.partition(".")[2])
