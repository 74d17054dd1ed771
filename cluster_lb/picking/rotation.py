"""A rotation: the repeating order of servers that a ticket indexes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


class Rotation:
    """One period of a schedule, as server ids. The modulo stays in here; the ticket comes from outside."""

    __slots__ = ("period", "turns")

    def __init__(self, turns: Sequence[str]) -> None:
        self.turns = turns
        self.period = len(turns)

    def first(self, ticket: int) -> str | None:
        """The server whose turn `ticket` is; None when no server is eligible."""
        return self.turns[ticket % self.period] if self.period else None

    def order(self, ticket: int) -> Iterator[str]:
        """All servers, each once, beginning with the one whose turn `ticket` is."""
        seen = set()
        for offset in range(self.period):
            server = self.turns[(ticket + offset) % self.period]
            if server not in seen:
                seen.add(server)
                yield server
