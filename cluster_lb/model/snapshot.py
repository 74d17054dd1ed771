"""A snapshot: one pool, immutable, at one epoch. All nodes that hold the same epoch hold equal ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import attrgetter

from cluster_lb.model.availability import Availability
from cluster_lb.model.priority_groups import Serving, serving_groups
from cluster_lb.model.server import Server

_AVAILABILITY: Callable[[Server], Availability] = attrgetter("availability")
_BUT_FOR_EJECTIONS: Callable[[Server], Availability] = attrgetter("availability_by_health")
_WILLINGNESS: Callable[[Server], Availability] = attrgetter("willingness")


@dataclass(frozen=True)
class Snapshot:
    """One pool at `epoch`. `servers` are in the order of their ids, so that every node builds the same
    schedule. `panic_threshold` is the share of healthy servers (0..1) below which health is ignored,
    `backup_below` the share of the primaries (0..1) below which backups join. `zones_from`: so many eligible
    servers make nodes prefer the servers of their own zone; 0: they never do. `sticky_secrets`: what signs
    sticky cookies, then what did before and is still taken; empty: no cookies. `balance_factor`: of bounded
    loads, above 1; 0: none."""

    pool: str
    epoch: int
    policy: str
    panic_threshold: float
    servers: tuple[Server, ...]
    backup_below: float = 0.0
    zones_from: int = 0
    sticky_secrets: tuple[str, ...] = field(default=(), repr=False)
    balance_factor: float = 0.0

    @cached_property
    def serving(self) -> Serving:
        """Which priority groups serve."""
        return serving_groups(self.servers, self.backup_below, self.panic_threshold)

    @property
    def panics(self) -> bool:
        """Whether so few servers are healthy that health is ignored (Envoy's panic rule; 0 disables it)."""
        return self.serving.panics

    @cached_property
    def eligible(self) -> tuple[Server, ...]:
        """The servers that take new exchanges, of the groups that serve (of all groups in a panic). Ejected
        ones do where no other can: the last servers of a pool are never out by passive means. A busy one does
        not, unless a share below the panic threshold is not busy: the few would drown. Nor is there any to
        spare where all are busy."""
        if self.panics:
            return self._takers(_WILLINGNESS)
        return self._takers(_AVAILABILITY) or self._takers(_BUT_FOR_EJECTIONS)

    def _takers(self, takes: Callable[[Server], Availability]) -> tuple[Server, ...]:
        said = [(s, takes(s)) for s in self.servers if s.priority <= self.serving.priority]
        takers = tuple(s for s, word in said if word.takes_new)
        idle = tuple(s for s, word in said if word is Availability.ACCEPTS)
        return idle if idle and len(idle) >= self.panic_threshold * len(takers) else takers

    @cached_property
    def persistent(self) -> tuple[Server, ...]:
        """The servers that take clients bound to them."""
        bound = {s.id for s in self.servers if s.availability is not Availability.REFUSES}
        bound.update(s.id for s in self.eligible)
        return tuple(s for s in self.servers if s.id in bound)

    @cached_property
    def prefers_zones(self) -> bool:
        """Whether nodes prefer the servers of their own zone: not with too few servers, not where all are in
        one zone, and not in panic (Envoy's preconditions)."""
        if not self.zones_from or self.panics or len(self.eligible) < self.zones_from:
            return False
        return len({server.zone for server in self.eligible}) > 1

    def part(self, eligible: Iterable[Server]) -> Snapshot:
        """This pool with some of its eligible servers alone, all of which are eligible in it too."""
        part = replace(self, servers=tuple(eligible), zones_from=0)
        # The cached property: what holds for a pool as a whole, backups and panic, is not asked again.
        vars(part)["eligible"] = part.servers
        return part
