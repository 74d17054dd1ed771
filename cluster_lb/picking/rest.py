"""What is left of all servers when an order has named those that its policy came to."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from typing import TypeVar

T = TypeVar("T")


def rest(everyone: Sequence[T], named: Collection[T], number: int) -> Iterator[T]:
    """All but `named`, as they stand, from a place on that `number` gives: none comes first every time."""
    begin = number % len(everyone) if everyone else 0
    return (one for one in chain(everyone[begin:], everyone[:begin]) if one not in named)
