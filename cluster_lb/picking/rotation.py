"""A rotation: the repeating order of servers that a ticket indexes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Generic

from cluster_lb.picking.mixing import GOLDEN, mixed
from cluster_lb.picking.policy import C
from cluster_lb.picking.rest import rest

_ROUNDS = 4  # turns to look at for each server, before those that are left follow as they stand
_DRAWS = 4  # of n equal servers the chance that all fall on one is n^-4


# Periods up to here are laid out as servers, for the quickest pick there is; it takes 1 or 2 ms in the loop.
# With unlike weights a period may be millions of turns: 256 for each server.
_LAID_OUT = 1 << 16


class Rotation:
    """One period of a schedule: indices into `ids`, of which each occurs."""

    __slots__ = ("_ids", "_schedule")

    def __init__(self, ids: Sequence[str], schedule: Sequence[int]) -> None:
        self._ids = ids
        self._schedule = schedule

    @property
    def period(self) -> int:
        return len(self._schedule)

    def bind(self, live: Mapping[str, C]) -> Turns[C]:
        return Turns([live[server_id] for server_id in self._ids], self._schedule)


class Turns(Generic[C]):
    """A rotation over live servers. The modulo stays in here; the ticket comes from outside."""

    __slots__ = ("_schedule", "_servers", "turns")

    def __init__(self, servers: Sequence[C], schedule: Sequence[int]) -> None:
        self._servers = servers
        self._schedule = schedule
        self.turns: Sequence[C] = [servers[index] for index in schedule] if len(schedule) <= _LAID_OUT else ()

    def first(self, number: int) -> C | None:
        schedule = self._schedule
        return self._servers[schedule[number % len(schedule)]] if schedule else None

    def order(self, number: int) -> Iterator[C]:
        schedule, servers = self._schedule, self._servers
        seen: set[int] = set()
        for turn in _turns_of(number, len(schedule), _ROUNDS * len(servers)):
            index = schedule[turn]
            if index not in seen:
                seen.add(index)
                yield servers[index]
        # Light servers among heavy ones: a period may be a hundred times as long as there are servers.
        for index in rest(range(len(servers)), seen, mixed(number - GOLDEN)):
            yield servers[index]


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
