"""A ring of servers, of which a pick looks at a few: what it costs does not grow with the pool.

The more of them are looked at, the closer the best of them is to the best of all: with d choices among n
servers the fullest one is above the mean by about log log n / log d (Mitzenmacher, "The power of two
choices in randomized load balancing", 2001; Envoy's choice_count is 2, Prequal chooses among 16).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from math import gcd
from typing import TypeVar

T = TypeVar("T")

_GOLDEN_PART = 0.618  # of a circle: steps so wide come all around it, and two in a row are never close
_LEAST_STARTS = 64  # so that no server of a small ring is looked at much more often than another


class Ring:
    """Positions 0..`size` - 1, of which a pick looks at `few` in a row. `starts`: where the picks of numbers
    in a row begin, all over the ring. `period`: so often a number means the same to the caller again; over
    all numbers each meaning meets each start; 0: never."""

    __slots__ = ("few", "size", "starts")

    def __init__(self, size: int, few: int, period: int = 1) -> None:
        self.size = size
        self.few = min(size, few)
        step = _coprime(int(size * _GOLDEN_PART), size)
        number_of_starts = _coprime(max(size, _LEAST_STARTS), period or 1)
        self.starts = [number * step % size for number in range(number_of_starts)] if size else [0]

    def around(self, items: Iterable[T]) -> list[T]:
        """Items by position, and on from the last one to the first few again: what a pick looks at is a
        slice of `few` from its start on."""
        held = list(items)
        return held + held[: self.few]

    def parts(self, number: int) -> Iterator[Sequence[int]]:
        """All positions from there on, a few at a time."""
        begin = self.starts[number % len(self.starts)]
        for offset in range(0, self.size, self.few or 1):
            held = min(self.few, self.size - offset)
            yield [(begin + offset + step) % self.size for step in range(held)]


def _coprime(least: int, other: int) -> int:
    """The first number from `least` on that has no divisor in common with `other`."""
    return next(number for number in count(least) if gcd(number, other) == 1)
