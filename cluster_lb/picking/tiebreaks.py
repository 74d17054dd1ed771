"""Which of equally loaded servers a node prefers: each node others.

A node keeps its own requests level, in whole ones: with half a request for each server half of them have one
and half have none. If every node chose that half by itself, the sums over many nodes would be as uneven as
coins that are thrown. So each has an order of its own in which it fills the servers up, the same circle begun
at another place: what one node rounds up, another rounds down (as dither does with the levels of an image).

The circle turns slowly, so that no server has one request more for good.
"""

from __future__ import annotations

from cluster_lb.model.place import Place

TURN_S = 30.0  # long beside most requests: while these are under way the order is to stay
_GOLDEN_PART = 0.618  # of a circle: servers side by side, of which a pick looks at a few, are far apart on it


def tiebreaks(count: int, place: Place, elapsed_s: float) -> list[float]:
    """For each of `count` servers what to add to its load, 0 to below 1: the lower, the sooner it is to be
    filled by the node at `place`. `elapsed_s`: since all nodes began with it."""
    begin = place.number / place.nodes + elapsed_s / TURN_S
    return [(number * _GOLDEN_PART + begin) % 1.0 for number in range(count)]
