"""Drawing by weight in constant time: the alias method.

M. D. Vose, "A linear algorithm for generating random numbers with a given distribution", IEEE Transactions on
Software Engineering 17 (1991). Of n weights with the sum W, each is scaled by n and poured into n columns of
height W: every column holds what is left of its own weight, and above that a piece of one other, its alias. A
draw is a column and a height in it. All in whole numbers, so the shares are exact.
"""

from __future__ import annotations

from collections.abc import Sequence


def alias_columns(weights: Sequence[int]) -> list[tuple[int, int]]:
    """(kept, alias) of each column: a height below `kept`, of `sum(weights)`, means the column's own index,
    from there on `alias`. Weights are above 0."""
    count, total = len(weights), sum(weights)
    left = [weight * count for weight in weights]
    columns = [(total, index) for index in range(count)]
    short = [index for index in range(count) if left[index] < total]
    tall = [index for index in range(count) if left[index] > total]
    while short:
        low, high = short.pop(), tall[-1]
        columns[low] = (left[low], high)
        left[high] -= total - left[low]
        if left[high] <= total:
            tall.pop()
            if left[high] < total:
                short.append(high)
    return columns
