"""Effective weights: what policies read, as integers whose ratios are weight x percent; of the
weights that agents advise, where there are some.

While every server has 100 percent they are the plain weights. Else they are the products, divided by their
greatest common divisor, so that a weight of 1 can be in force at 10 percent. A schedule has as many turns as
their sum: where that would be too many, they are rounded to as fine a step as fits, each to 1 or more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

MAX_TURNS = (
    1 << 16
)  # a schedule of 1,000 servers is built in tens of ms; `model.ticket_run.MAX_BLOCK` is as long


def effective_weights(weights: Sequence[int], percents: Sequence[int]) -> list[int]:
    """One for each server; `weights` 0..256, `percents` 1..100. A weight of 0 stays 0."""
    if all(percent == 100 for percent in percents):
        return list(weights)
    products = [weight * percent for weight, percent in zip(weights, percents, strict=True)]
    divisor = math.gcd(*products)
    if divisor == 0:
        return products
    exact = [product // divisor for product in products]
    unit = -(-sum(exact) // MAX_TURNS)
    if unit == 1:
        return exact
    return [max(1, (value + unit // 2) // unit) if value else 0 for value in exact]
