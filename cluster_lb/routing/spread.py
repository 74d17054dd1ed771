"""In which order a route with several pools takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import cycle

from cluster_lb.picking.schedule import build_schedule


def spread(weights: Mapping[str, int]) -> Iterator[str]:
    """Names for ever, each with its exact share in every period and evenly in between (not all 0)."""
    names = list(weights)
    return cycle([names[index] for index in build_schedule(list(weights.values()))])
