"""How a node shares its exchanges out among zones: Envoy's zone-aware arithmetic, in exact fractions.

    near(z)      nodes in zone z, in parts of all nodes that are in some zone: the traffic that comes in there
    capacity(z)  of the servers in zone z, in parts of all of them

A node keeps all its exchanges in its own zone where capacity >= near. Else it keeps capacity / near of them,
and the rest goes to the zones that have capacity left, by capacity - near. With equal traffic on all nodes
each zone gets its capacity, exactly: what some zones lack is what the others have left. A zone in which no
server takes traffic has capacity 0, so that all of it goes elsewhere.

Source: Envoy, "Zone aware routing"; load_balancer_impl.cc, regenerateLocalityRoutingStructures. Envoy
routes without preference where the own zone has no healthy host; here such a zone is a case like the others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

RESOLUTION = 1000  # turns at most: shares are then exact to 0.1 % of the node's traffic (Envoy: 0.01 %)


def zone_shares(own: str, nodes: Mapping[str, int], capacity: Mapping[str, int]) -> dict[str, Fraction]:
    """Zone -> share of the exchanges of a node in zone `own`; together 1. `nodes`: zone -> live nodes, this
    one among them. `capacity`: zone -> weight of its servers, above 0."""
    near = {zone: Fraction(count, sum(nodes.values())) for zone, count in nodes.items()}
    capacities = {zone: Fraction(weight, sum(capacity.values())) for zone, weight in capacity.items()}
    mine = capacities.get(own, Fraction(0))
    if mine >= near[own]:
        return {zone: Fraction(zone == own) for zone in capacities}
    left = {zone: max(Fraction(0), share - near.get(zone, 0)) for zone, share in capacities.items()}
    kept = mine / near[own]
    total_left = sum(left.values())
    return {zone: kept if zone == own else (1 - kept) * room / total_left for zone, room in left.items()}


def whole_turns(shares: Sequence[Fraction]) -> list[int]:
    """Whole numbers in the proportion of `shares`, which make 1: exact where their sum is at most RESOLUTION,
    else rounded to that sum, the largest remainders up."""
    period = math.lcm(*(share.denominator for share in shares))
    if period <= RESOLUTION:
        return [int(share * period) for share in shares]
    turns = [int(share * RESOLUTION) for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda index: turns[index] - shares[index] * RESOLUTION)
    for index in by_remainder[: RESOLUTION - sum(turns)]:
        turns[index] += 1
    return turns
