"""The table of slots: which server serves a key, decided beforehand.

As in Maglev (Eisenbud et al., NSDI 2016) each server has a list of slots in the order in which it would like
to have them, made from its id alone. Maglev lets servers take turns until the table is full. All get equally
many slots so, but what one takes depends on all the others: without one of 100 servers 1.6 times its slots
change hands, without one of 655 six times as many.

Here a slot goes to the server in whose list it comes first, places divided by weights: a race, in which a
server runs as fast as it is heavy. Any two servers settle each slot between themselves, whoever else is
there. So when a server leaves, its slots move and no others; a new one takes its own and no others; a changed
weight moves slots to or from that server alone. The price is that shares are even only on average: their
standard deviation is sqrt(servers / (2 * SLOTS)) of a share.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Sequence
from hashlib import shake_128

# Maglev and Envoy have 65537, a prime, because their lists go by a fixed skip. Where places decide, such
# lists would be unfair: those of a few servers repeat one another's order. Random ones need no prime.
SLOTS = 1 << 16

# The race is run in stretches; what was taken in one is passed over in the next. In places for each slot, of
# which 11.7 are needed on average (the coupon collector's problem).
_STRETCHES = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0)
_READ_AHEAD = 12.0

_Arrival = tuple[float, int, int]  # time, server, slot


def build_slots(ids: Sequence[str], weights: Sequence[int]) -> array[int]:
    """The index of each slot's server; empty without servers. `ids`: each once, in an order that all nodes
    have. `weights`: above 0."""
    if not ids:
        return array("I")
    owners, free = array("I", bytes(4 * SLOTS)), bytearray(b"\x01") * SLOTS
    unit = SLOTS / sum(weights)
    groups = _groups(ids, weights, _READ_AHEAD * unit)
    left, since, stretches = SLOTS, 0.0, iter(_STRETCHES)
    while left:
        until = next(stretches, since + 1.0)
        arrivals = [arrival for group in groups for arrival in group.run(since * unit, until * unit, free)]
        left -= _take(sorted(arrivals), owners, free)
        since = until
    return owners


def _take(arrivals: Sequence[_Arrival], owners: array[int], free: bytearray) -> int:
    """Give each slot to who arrives first; returns how many were taken."""
    taken = 0
    for _, server, slot in arrivals:
        if free[slot]:
            free[slot] = 0
            owners[slot] = server
            taken += 1
    return taken


def _groups(ids: Sequence[str], weights: Sequence[int], ahead: float) -> list[_Group]:
    by_weight: dict[int, list[int]] = {}
    for index, weight in enumerate(weights):
        by_weight.setdefault(weight, []).append(index)
    return [
        _Group(weight, servers, [ids[index].encode("ascii") for index in servers], ahead)
        for weight, servers in by_weight.items()
    ]


class _Group:
    """Servers of one weight. `_lists`: the first places of all their lists, then the second ones, ..."""

    def __init__(self, weight: int, servers: Sequence[int], ids: Sequence[bytes], ahead: float) -> None:
        self._weight = weight
        self._servers = servers
        self._ids = ids
        self._lists = array("H")
        self._read(math.ceil(ahead * weight))

    def _read(self, places: int) -> None:
        self._places = places
        self._lists = array("H", bytes(2 * places * len(self._ids)))
        for number, server_id in enumerate(self._ids):
            self._lists[number :: len(self._ids)] = preferences(server_id, places)

    def run(self, since: float, until: float, free: bytearray) -> list[_Arrival]:
        """Who arrives where after `since`, and until `until`, as far as the slot is free."""
        weight, servers, count = self._weight, self._servers, len(self._servers)
        first, last = math.floor(since * weight), math.floor(until * weight)
        if last > self._places:
            self._read(last + self._places // 4)
        begin = first * count
        reached = self._lists[begin : last * count]
        found = [(place, slot) for place, slot in enumerate(reached, begin) if free[slot]]
        return [((place // count + 1) / weight, servers[place % count], slot) for place, slot in found]


def preferences(server_id: bytes, places: int) -> array[int]:
    """The first `places` of a server's list, the same on every machine. A slot may occur again; then only its
    first place matters."""
    slots = array("H", shake_128(server_id).digest(2 * places))
    if sys.byteorder == "big":
        slots.byteswap()
    return slots
