"""consistent_hash: a key's slot in a table names its server; retries walk the table on from there."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Generic

from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking.bounded_loads import Bounds
from cluster_lb.picking.policy import POLICIES, C, Numbers, Picker, Policy
from cluster_lb.picking.rest import rest
from cluster_lb.picking.slots import SLOTS, build_slots

_WALK = 8  # slots looked at for each server: of equal ones then about 1 in 3,000 is not among them
_LEAST_WALK = 256


class ConsistentHash:
    """The table of slots over a snapshot's eligible servers. `factor`: of bounded loads; 0: none."""

    __slots__ = ("_factor", "_ids", "_owners", "_weights")
    period = 0

    def __init__(self, ids: Sequence[str], weights: Sequence[int], factor: float = 0.0) -> None:
        self._ids = ids
        self._weights = weights
        self._owners = build_slots(ids, weights)
        self._factor = factor

    def bind(self, live: Mapping[str, C]) -> Picker[C]:
        servers = [live[server_id] for server_id in self._ids]
        if not self._factor:
            return SlotPicker(self._owners, servers)
        return BoundedPicker(self._owners, Bounds(servers, self._weights, self._factor))


class SlotPicker(Generic[C]):
    """Whoever owns the slot."""

    __slots__ = ("_owners", "_servers")
    turns: Sequence[C] = ()

    def __init__(self, owners: array[int], servers: Sequence[C]) -> None:
        self._owners = owners
        self._servers = servers

    def first(self, number: int) -> C | None:
        return self._servers[self._owners[number % SLOTS]] if self._servers else None

    def order(self, number: int) -> Iterator[C]:
        return (self._servers[index] for index in self._walk(number))

    def _walk(self, number: int) -> Iterator[int]:
        """Indices of the servers in the order in which the table has them from the slot on; those that own
        none of the slots nearby come last."""
        count = len(self._servers)
        if not count:
            return
        seen: set[int] = set()
        begin = number % SLOTS - SLOTS  # counted from the end, so that the table goes on with its first slot
        # Light servers among heavy ones own few slots, or none: a full pool must not cost a walk through all.
        for slot in range(begin, begin + min(SLOTS, max(_LEAST_WALK, _WALK * count))):
            index = self._owners[slot]
            if index not in seen:
                seen.add(index)
                yield index
                if len(seen) == count:
                    return
        yield from rest(range(count), seen, number)


class BoundedPicker(SlotPicker[C]):
    """The first from the slot on that is not above its bound; those that are come after the others."""

    __slots__ = ("_bounds", "_weights")

    def __init__(self, owners: array[int], bounds: Bounds[C]) -> None:
        super().__init__(owners, bounds.servers)
        self._bounds = bounds
        self._weights = bounds.weights

    def first(self, number: int) -> C | None:
        owners, servers, weights = self._owners, self._servers, self._weights
        if not servers:
            return None
        per_weight = self._bounds.per_weight()
        begin = number % SLOTS - SLOTS
        for slot in range(begin, begin + _LEAST_WALK):
            index = owners[slot]
            server = servers[index]
            load = server.load  # `Bounds.takes`, laid out flat
            if load < per_weight * weights[index] or load < server.leeway:
                return server
        return next(self._order(number, per_weight))

    def order(self, number: int) -> Iterator[C]:
        return self._order(number, self._bounds.per_weight() if self._servers else 0.0)

    def _order(self, number: int, per_weight: float) -> Iterator[C]:
        takes, full = self._bounds.takes, []
        for index in self._walk(number):
            if takes(index, per_weight):
                yield self._servers[index]
            else:
                full.append(index)
        yield from (self._servers[index] for index in full)


def consistent_hash(snapshot: Snapshot) -> ConsistentHash:
    """The table of the effective weights."""
    servers = snapshot.eligible
    return ConsistentHash(
        [server.id for server in servers],
        [server.effective_weight for server in servers],
        snapshot.balance_factor,
    )


POLICIES["consistent_hash"] = Policy(consistent_hash, Numbers.KEY, bounds_load=True)
