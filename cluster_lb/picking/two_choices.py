"""two_choices: two servers by chance, and of them the one with less in flight for its weight.

Mitzenmacher, "The power of two choices in randomized load balancing", 2001; nginx `random two least_conn`,
Envoy `LEAST_REQUEST`. The two are drawn by weight, so that an idle pool is shared by weight, and the first
one is taken of equals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Generic

from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking.draws import Draws, Urn
from cluster_lb.picking.mixing import mixed
from cluster_lb.picking.policy import POLICIES, C, Numbers, Policy

_MOST_REPEATS = 4  # draws of the same server for the second choice


class TwoChoices:
    """Server ids with their weights above 0."""

    __slots__ = ("_draws", "_paces", "period")

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._draws = Draws(weights)
        self._paces = {server_id: 1 / weight for server_id, weight in weights.items()}
        self.period = 0

    def bind(self, live: Mapping[str, C]) -> BetterOfTwo[C]:
        return BetterOfTwo(self._draws.bind(live), self._paces)


class BetterOfTwo(Generic[C]):
    """`paces`: server id -> one over its weight."""

    __slots__ = ("_paces", "_urn", "turns")

    def __init__(self, urn: Urn[C], paces: Mapping[str, float]) -> None:
        self.turns: Sequence[C] = ()
        self._urn = urn
        self._paces = paces

    def first(self, number: int) -> C | None:
        urn, paces = self._urn, self._paces
        one = urn.first(number)
        if one is None or not (key := (one.load + one.surplus) * paces[one.id]):
            return one
        for _ in range(_MOST_REPEATS):
            number = mixed(number)
            other = urn.first(number)
            if other is not None and other is not one:
                return other if (other.load + other.surplus) * paces[other.id] < key else one
        return one

    def order(self, number: int) -> Iterator[C]:
        """The better of the two, the other one, and further draws."""
        best = self.first(number)
        if best is not None:
            yield best
        for server in self._urn.order(number):
            if server is not best:
                yield server


def two_choices(snapshot: Snapshot) -> TwoChoices:
    """By effective weight."""
    return TwoChoices({server.id: server.effective_weight for server in snapshot.eligible})


POLICIES["two_choices"] = Policy(two_choices, Numbers.RANDOM, by_load=True)
