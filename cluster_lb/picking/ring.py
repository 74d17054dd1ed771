"""A ring of servers, of which a pick looks at a few: what it costs does not grow with the pool.

The more of them are looked at, the closer the best of them is to the best of all: with d choices among n
servers the fullest one is above the mean by about log log n / log d (Mitzenmacher, "The power of two
choices in randomized load balancing", 2001; Envoy's choice_count is 2, Prequal chooses among 16).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cluster_lb.picking.mixing import GOLDEN

FEW = 8
_ALL = (1 << 32) - 1


class Ring:
    """Positions 0..`size` - 1. Pools of up to `few` servers are looked at as a whole."""

    __slots__ = ("few", "size")

    def __init__(self, size: int, few: int = FEW) -> None:
        self.size = size
        self.few = min(size, few)

    def start(self, number: int) -> int:
        """Where the pick of `number` begins to look; numbers in a row begin all over the ring. Not for an
        empty ring."""
        return (number * GOLDEN >> 32 & _ALL) % self.size

    def parts(self, number: int) -> Iterator[Sequence[int]]:
        """All positions from there on, a few at a time."""
        begin = self.start(number) if self.size else 0
        for offset in range(0, self.size, self.few or 1):
            count = min(self.few, self.size - offset)
            yield [(begin + offset + step) % self.size for step in range(count)]
