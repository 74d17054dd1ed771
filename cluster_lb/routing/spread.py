"""In which order a route with several pools takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import cycle

from cluster_lb.picking.schedule import build_schedule


def spread(weights: Mapping[str, int], begin: float = 0.0) -> Iterator[str]:
    """Names for ever, each with its exact share in every period and evenly in between (not all 0). `begin`:
    where in the period the first turn is, from 0 to under 1."""
    names = list(weights)
    order = build_schedule(list(weights.values()))
    first = int(begin * len(order))
    return cycle([names[index] for index in order[first:] + order[:first]])
