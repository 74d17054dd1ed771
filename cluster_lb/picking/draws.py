"""Draws: servers by chance, each as often as its weight says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from cluster_lb.picking.alias import alias_columns
from cluster_lb.picking.mixing import mixed
from cluster_lb.picking.policy import C
from cluster_lb.picking.rest import rest

T = TypeVar("T")

DRAW_BITS = 32  # of a number make a draw: shares are exact to one in 400,000 among 10,000 servers
_MOST_REPEATS = 16  # draws of servers that the order has already, one after the other


class Draws:
    """Server ids with weights above 0, ready to be drawn from."""

    __slots__ = ("_aliases", "_ends", "_ids", "period")

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._ids = list(weights)
        total = sum(weights.values())
        columns = alias_columns(list(weights.values()))
        self._ends = [(n << DRAW_BITS) + (kept << DRAW_BITS) // total for n, (kept, _) in enumerate(columns)]
        self._aliases = [alias for _, alias in columns]
        self.period = 0

    def bind(self, live: Mapping[str, C]) -> Urn[C]:
        return self.over([live[server_id] for server_id in self._ids])

    def over(self, columns: Sequence[T]) -> Urn[T]:
        """What is to be drawn, one thing for each id."""
        return Urn(columns, self._ends, [columns[alias] for alias in self._aliases])


class Urn(Generic[T]):
    """Draws over live servers, or what stands for them: the upper half of a number of 64 random bits is one.

    It falls on the line of all columns, each 2^32 long; up to its one of `ends` a column means its own of
    `columns`, from there on its one of `aliases`."""

    __slots__ = ("aliases", "columns", "ends", "turns")

    def __init__(self, columns: Sequence[T], ends: Sequence[int], aliases: Sequence[T]) -> None:
        self.turns: Sequence[T] = ()
        self.columns = columns
        self.ends = ends
        self.aliases = aliases

    def first(self, number: int) -> T | None:
        columns = self.columns
        if not columns:
            return None
        place = (number >> DRAW_BITS) * len(columns)
        column = place >> DRAW_BITS
        return (columns if place < self.ends[column] else self.aliases)[column]

    def order(self, number: int) -> Iterator[T]:
        """Draws without putting back: what follows is by weight among those that are left. Where these are so
        light that draws miss them again and again, they follow as they stand."""
        servers = self.columns
        seen: set[T] = set()
        repeats = 0
        while len(seen) < len(servers) and repeats < _MOST_REPEATS:
            server = self.first(number)
            assert server is not None
            if server in seen:
                repeats += 1
            else:
                repeats = 0
                seen.add(server)
                yield server
            number = mixed(number)
        yield from rest(servers, seen, number)
