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

import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from hashlib import shake_128
from itertools import accumulate
from math import inf

# Maglev and Envoy have 65537, a prime, because their lists go by a fixed skip. Where places decide, such
# lists would be unfair: those of a few servers repeat one another's order. Random ones need no prime.
SLOTS = 1 << 16

# In places for each slot, of which 11.7 are needed on average (the coupon collector's problem). Up to _LOOK
# each place is looked at; then one slot of 400 is left, and only places that may name one of those are.
_LOOK = 6
_READ = 14  # by then one table of 20 has slots left; for that one the lists are read anew, and further

_ONE_IF_ANY = b"\0" + b"\1" * 255


def build_slots(ids: Sequence[str], weights: Sequence[int]) -> array[int]:
    """The index of each slot's server; empty without servers. `ids`: each once, in an order that all nodes
    have. `weights`: above 0."""
    if not ids:
        return array("I")
    race, ahead = _Race(weights), _READ
    lists = _read(ids, race.places(ahead))
    race.look(lists, race.places(_LOOK))
    race.search(lists, race.places(_LOOK))
    while not race.is_over():
        since, ahead = race.places(ahead), ahead + _READ
        race.search(_read(ids, race.places(ahead)), since)
    return array("I", race.owners)


def _read(ids: Sequence[str], places: Sequence[int]) -> list[array[int]]:
    return [
        preferences(server_id.encode("ascii"), count) for server_id, count in zip(ids, places, strict=True)
    ]


class _Race:
    """`owners`: the index of who came to each slot first, of equals the first one. `_reached`: when."""

    def __init__(self, weights: Sequence[int]) -> None:
        self.owners = [0] * SLOTS
        self._reached = [inf] * SLOTS
        self._weights = weights
        self._total = sum(weights)

    def places(self, ahead: int) -> list[int]:
        """How far each server comes in the time in which all come to `ahead` places for each slot."""
        return [ahead * SLOTS * weight // self._total for weight in self._weights]

    def is_over(self) -> bool:
        return inf not in self._reached

    def look(self, lists: Sequence[array[int]], until: Sequence[int]) -> None:
        """Run each list up to its place `until`."""
        owners, reached = self.owners, self._reached
        times = {
            weight: [place / weight for place in range(1, last + 1)]
            for weight, last in dict(zip(self._weights, until, strict=True)).items()
        }
        for server, weight in enumerate(self._weights):
            for time, slot in zip(times[weight], lists[server], strict=False):
                if time < reached[slot]:
                    reached[slot] = time
                    owners[slot] = server

    def search(self, lists: Sequence[array[int]], since: Sequence[int]) -> None:
        """Run each list from behind its place `since`, for the slots that are free."""
        free = dict.fromkeys(slot for slot, time in enumerate(self._reached) if time == inf)
        rests = [slots[first:] for slots, first in zip(lists, since, strict=True)]
        begins, slots = list(accumulate(map(len, rests), initial=0)), array("H", b"".join(rests))
        for position in _suspects(slots, list(free)):
            slot = slots[position]
            if slot in free:
                server = bisect_right(begins, position) - 1
                time = (since[server] + position - begins[server] + 1) / self._weights[server]
                if time < self._reached[slot]:
                    self._reached[slot] = time
                    self.owners[slot] = server


def _suspects(slots: array[int], wanted: Sequence[int]) -> Iterator[int]:
    """Where `slots` may have one of those `wanted`: all such positions, and a few others.

    The wanted are shared out over eight bits. Each value of a byte gets the bits of those that have it; where
    the two bytes of a slot have a bit in common, it may be wanted.
    """
    low, high = bytearray(256), bytearray(256)
    first, second = (low, high) if sys.byteorder == "little" else (high, low)
    for number, slot in enumerate(wanted):
        bit = 1 << 8 * number // len(wanted)
        high[slot >> 8] |= bit
        low[slot & 255] |= bit
    octets = slots.tobytes()
    ones, others = octets[::2].translate(first), octets[1::2].translate(second)
    # one great number each: there is no quicker way to meet so many bytes
    common = int.from_bytes(ones, "little") & int.from_bytes(others, "little")
    marks = common.to_bytes(len(slots), "little").translate(_ONE_IF_ANY)
    position = marks.find(1)
    while position >= 0:
        yield position
        position = marks.find(1, position + 1)


def preferences(server_id: bytes, places: int) -> array[int]:
    """The first `places` of a server's list, the same on every machine. A slot may occur again; then only its
    first place matters."""
    slots = array("H", shake_128(server_id).digest(2 * places))
    if sys.byteorder == "big":
        slots.byteswap()
    return slots
