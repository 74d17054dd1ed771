"""two_choices: two servers by chance, and of them the one with less in flight for its weight.

Mitzenmacher, "The power of two choices in randomized load balancing", 2001; nginx `random two least_conn`,
Envoy `LEAST_REQUEST`. The two are drawn by weight, so that an idle pool is shared by weight, and the first
one is taken of equals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Generic

from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking.draws import DRAW_BITS, Draws, Urn
from cluster_lb.picking.mixing import GOLDEN
from cluster_lb.picking.policy import POLICIES, C, Numbers, Policy

_LOWER_HALF = (1 << DRAW_BITS) - 1
_DRAWS = range(4)  # of the second choice, which is drawn again where it is the first one


class TwoChoices:
    """Server ids with their weights above 0."""

    __slots__ = ("_draws", "_ids", "_paces", "period")

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._draws = Draws(weights)
        self._ids = list(weights)
        self._paces = [1 / weight for weight in weights.values()]
        self.period = 0

    def bind(self, live: Mapping[str, C]) -> BetterOfTwo[C]:
        paced = zip(map(live.__getitem__, self._ids), self._paces, strict=True)
        return BetterOfTwo(self._draws.over(list(paced)))


class BetterOfTwo(Generic[C]):
    """`urn`: of servers, each with one over its weight."""

    __slots__ = ("_aliases", "_columns", "_ends", "_size", "_urn", "turns")

    def __init__(self, urn: Urn[tuple[C, float]]) -> None:
        self.turns: Sequence[C] = ()
        self._urn = urn
        self._columns, self._ends, self._aliases = urn.columns, urn.ends, urn.aliases
        self._size = len(urn.columns)

    def first(self, number: int) -> C | None:
        # Draws as `Urn.first` makes them, laid out flat.
        size, ends = self._size, self._ends
        if not size:
            return None
        place = (number >> DRAW_BITS) * size
        column = place >> DRAW_BITS
        one, pace = (self._columns if place < ends[column] else self._aliases)[column]
        load = (one.load + one.surplus) * pace
        if not load:
            return one
        for _ in _DRAWS:
            number &= _LOWER_HALF
            place = number * size
            column = place >> DRAW_BITS
            other, pace = (self._columns if place < ends[column] else self._aliases)[column]
            if other is not one:
                return other if (other.load + other.surplus) * pace < load else one
            number *= GOLDEN
        return one

    def order(self, number: int) -> Iterator[C]:
        """The better of the two, the other one, and further draws."""
        two = sorted(self._two(number), key=_load)
        yield from (server for server, _ in two)
        yield from (paced[0] for paced in self._urn.order(number) if paced not in two)

    def _two(self, number: int) -> Iterator[tuple[C, float]]:
        """What is drawn with `number`, and the next other one."""
        one = self._urn.first(number)
        if one is None:
            return
        yield one
        for _ in _DRAWS:
            other = self._urn.first((number & _LOWER_HALF) << DRAW_BITS)
            if other is not None and other is not one:
                yield other
                return
            number *= GOLDEN


def _load(paced: tuple[C, float]) -> float:
    server, pace = paced
    return (server.load + server.surplus) * pace


def two_choices(snapshot: Snapshot) -> TwoChoices:
    """By effective weight."""
    return TwoChoices({server.id: server.effective_weight for server in snapshot.eligible})


POLICIES["two_choices"] = Policy(two_choices, Numbers.RANDOM, by_load=True)
