"""Zones over any policy: the number of a pick chooses a zone, and in it what the policy made of its servers.

The zones have their turns in a schedule of the node's own (`zone_shares`), so that any run of picks goes to
each zone to within less than 2 of its share. In a zone the policy sees its servers alone, with numbers of
its own kind: where tickets index a rotation, the zone's picks are numbered through, so that the node's own
round robin there is exact. The cluster's tickets cannot be: nodes of different zones walk different orders.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import islice
from typing import Generic

from cluster_lb.model.locality import Locality
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking.mixing import GOLDEN
from cluster_lb.picking.policy import C, Numbers, Picker, Plan, Policy
from cluster_lb.picking.schedule import build_schedule
from cluster_lb.picking.zone_shares import whole_turns, zone_shares

IN_ZONE = 2  # servers of a zone that an order begins with: of 3 attempts, the default, one leaves a dead zone
_MASK = (1 << 64) - 1


def plan_zones(snapshot: Snapshot, locality: Locality, policy: Policy) -> ZonePlan:
    """A plan of `policy` for a node in `locality`, which has a zone, over the eligible servers."""
    zones = _by_zone(snapshot.eligible)
    capacity = {
        zone: sum(server.effective_weight if policy.weighted else 1 for server in servers)
        for zone, servers in zones.items()
    }
    is_random = policy.numbers is Numbers.RANDOM
    shares = zone_shares(locality.zone, locality.nodes, capacity)
    elsewhere = {zone: 0 if zone == locality.zone else weight for zone, weight in capacity.items()}
    total = sum(elsewhere.values())
    return ZonePlan(
        [policy.plan(snapshot.part(servers)) for servers in zones.values()],
        ZoneTurns(whole_turns(list(shares.values())), is_random=is_random),
        ZoneTurns(
            whole_turns([Fraction(weight, total) for weight in elsewhere.values()]), is_random=is_random
        ),
        list(zones).index(locality.zone) if locality.zone in zones else None,
    )


def _by_zone(servers: Sequence[Server]) -> dict[str, list[Server]]:
    zones: dict[str, list[Server]] = {}
    for server in servers:
        zones.setdefault(server.zone, []).append(server)
    return zones


class ZoneTurns:
    """The schedule of zones, by their indices: `turns[zone]` in each round.

    The number of a pick in its zone is `rounds * factors[zone] + before[turn]`, in 64 bits: that numbers the
    picks of a zone through. `is_random` numbers are spread over 64 bits again, of which the choice of a zone
    took a part."""

    def __init__(self, turns: Sequence[int], *, is_random: bool) -> None:
        self.schedule = build_schedule(turns)
        self.factors = [GOLDEN] * len(turns) if is_random else turns
        self.before: list[int] = []
        had = [0] * len(turns)
        for zone in self.schedule:
            self.before.append(had[zone])
            had[zone] += not is_random

    def at(self, number: int) -> tuple[int, int]:
        """The zone whose turn it is, and the number in it."""
        rounds, turn = divmod(number, len(self.schedule))
        zone = self.schedule[turn]
        return zone, rounds * self.factors[zone] + self.before[turn] & _MASK


class ZonePlan:
    """`plans`: one for each zone. `shares`: whose turn it is; `elsewhere`: the same among the other zones,
    for what fails in its zone. `own`: index of the node's zone, None where no server is in it."""

    period = 0  # it takes none of the cluster's tickets

    def __init__(
        self, plans: Sequence[Plan], shares: ZoneTurns, elsewhere: ZoneTurns, own: int | None
    ) -> None:
        self._plans = plans
        self._shares = shares
        self._elsewhere = elsewhere
        self._own = own

    def bind(self, live: Mapping[str, C]) -> ZonePicker[C]:
        return ZonePicker([plan.bind(live) for plan in self._plans], self._shares, self._elsewhere, self._own)


class ZonePicker(Generic[C]):
    """Picks in the zone whose turn it is; what fails there goes on in the order that `order` tells."""

    turns: Sequence[C] = ()

    def __init__(
        self, zones: Sequence[Picker[C]], shares: ZoneTurns, elsewhere: ZoneTurns, own: int | None
    ) -> None:
        self._zones = zones
        self._shares = shares
        self._elsewhere = elsewhere
        self._own = own
        self._schedule, self._factors, self._before = shares.schedule, shares.factors, shares.before
        self._period = len(shares.schedule)
        self._firsts = [zone.first for zone in zones]

    def first(self, number: int) -> C | None:
        # `ZoneTurns.at`, laid out flat: this is on the path of every exchange.
        period = self._period
        turn = number % period
        zone = self._schedule[turn]
        return self._firsts[zone](number // period * self._factors[zone] + self._before[turn] & _MASK)

    def order(self, number: int) -> Iterator[C]:
        """Two servers of the zone whose turn it is; one of each other zone, the own before the others; then
        what is left of them, in the same order."""
        zone, number = self._shares.at(number)
        orders = [self._zones[zone].order(number)]
        yield from islice(orders[0], IN_ZONE)
        for other, inner in self._others(zone, number):
            orders.append(self._zones[other].order(inner))
            yield from islice(orders[-1], 1)
        for order in orders:
            yield from order

    def _others(self, zone: int, number: int) -> Iterator[tuple[int, int]]:
        """The zones but `zone`, each with the number in it."""
        seen = {zone}
        if self._own is not None and self._own != zone:
            seen.add(self._own)
            yield self._own, number
        turn, inner = self._elsewhere.at(number)
        for offset in range(len(self._zones)):
            other = (turn + offset) % len(self._zones)
            if other not in seen:
                seen.add(other)
                yield other, inner if offset == 0 else number
