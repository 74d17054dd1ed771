"""A rotation: the repeating order of servers that a ticket indexes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Generic

from cluster_lb.picking.policy import C


class Rotation:
    """One period of a schedule, as server ids."""

    __slots__ = ("turns",)

    def __init__(self, turns: Sequence[str]) -> None:
        self.turns = turns

    @property
    def period(self) -> int:
        return len(self.turns)

    def bind(self, live: Mapping[str, C]) -> Turns[C]:
        return Turns([live[server_id] for server_id in self.turns])


class Turns(Generic[C]):
    """A rotation over live servers. The modulo stays in here; the ticket comes from outside."""

    __slots__ = ("turns",)

    def __init__(self, turns: Sequence[C]) -> None:
        self.turns = turns

    def first(self, number: int) -> C | None:
        turns = self.turns
        return turns[number % len(turns)] if turns else None

    def order(self, number: int) -> Iterator[C]:
        turns, seen = self.turns, set()
        for offset in range(len(turns)):
            server = turns[(number + offset) % len(turns)]
            if server.id not in seen:
                seen.add(server.id)
                yield server
