"""Draws: servers by chance, each as often as its weight says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Generic

from cluster_lb.picking.alias import alias_columns
from cluster_lb.picking.mixing import mixed
from cluster_lb.picking.policy import C
from cluster_lb.picking.rest import rest

_MOST_REPEATS = 16  # draws of servers that the order has already, one after the other


class Draws:
    """Server ids with weights above 0, ready to be drawn from."""

    __slots__ = ("_columns", "_ids", "_total", "period")

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._ids = list(weights)
        self._columns = alias_columns(list(weights.values()))
        self._total = sum(weights.values())
        self.period = 0

    def bind(self, live: Mapping[str, C]) -> Urn[C]:
        servers = [live[server_id] for server_id in self._ids]
        kept = [kept for kept, _ in self._columns]
        return Urn(servers, kept, [servers[alias] for _, alias in self._columns], self._total)


class Urn(Generic[C]):
    """Draws over live servers: a number of 64 random bits is a draw."""

    __slots__ = ("_aliases", "_kept", "_servers", "_total", "turns")

    def __init__(self, servers: Sequence[C], kept: Sequence[int], aliases: Sequence[C], total: int) -> None:
        self.turns: Sequence[C] = ()
        self._servers = servers
        self._kept = kept
        self._aliases = aliases
        self._total = total

    def first(self, number: int) -> C | None:
        servers = self._servers
        if not servers:
            return None
        height, column = divmod(number, len(servers))
        return servers[column] if height % self._total < self._kept[column] else self._aliases[column]

    def order(self, number: int) -> Iterator[C]:
        """Draws without putting back: what follows is by weight among those that are left. Where these are so
        light that draws miss them again and again, they follow as they stand."""
        servers = self._servers
        seen: set[C] = set()
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
