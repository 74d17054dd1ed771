"""A rotation: the repeating order of servers that a ticket indexes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Generic

from cluster_lb.picking.mixing import GOLDEN, mixed
from cluster_lb.picking.policy import C
from cluster_lb.picking.rest import rest

_ROUNDS = 4  # turns to look at for each server, before those that are left follow as they stand
_DRAWS = 4  # of n equal servers the chance that all fall on one is n^-4


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

    __slots__ = ("_servers", "turns")

    def __init__(self, turns: Sequence[C]) -> None:
        self.turns = turns
        self._servers = list({server.id: server for server in turns}.values())  # each once

    def first(self, number: int) -> C | None:
        turns = self.turns
        return turns[number % len(turns)] if turns else None

    def order(self, number: int) -> Iterator[C]:
        turns, servers = self.turns, self._servers
        seen: set[C] = set()
        for turn in _turns_of(number, len(turns), _ROUNDS * len(servers)):
            server = turns[turn]
            if server not in seen:
                seen.add(server)
                yield server
        # Light servers among heavy ones: a period may be a hundred times as long as there are servers.
        yield from rest(servers, seen, mixed(number - GOLDEN))


def _turns_of(number: int, period: int, most: int) -> Iterator[int]:
    """Its own turn, a few at random, then all, or `most` of them. What one server cannot take is so spread
    over the others: in the plain order of turns each has the same successor, which would get it all."""
    if not period:
        return
    turn = number % period
    yield turn
    for draw in range(_DRAWS):
        turn = mixed(number + draw * GOLDEN) % period
        yield turn
    for offset in range(min(period, most)):
        yield (turn + offset) % period
