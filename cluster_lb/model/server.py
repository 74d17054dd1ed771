"""A server: one address that serves, as the cluster knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cluster_lb.errors import InvalidValueError
from cluster_lb.model.address import Address
from cluster_lb.model.advice import NO_ADVICE, Advice
from cluster_lb.model.availability import (
    AdminState,
    Availability,
    Health,
    ServerState,
    availability,
    willingness,
)
from cluster_lb.model.ejection import Ejection
from cluster_lb.model.names import check_id
from cluster_lb.model.verdict import Verdict

MAX_PRIORITY = 128  # Envoy's range is 0..128 too
MAX_REASON = 256  # characters; nodes hold it and people read it
MAX_WEIGHT = 256  # HAProxy's range is 0..256 too; 0 takes no new traffic


def check_weight(weight: int) -> int:
    """Return `weight` when it is in 0..256."""
    if not 0 <= weight <= MAX_WEIGHT:
        raise InvalidValueError(f"weight {weight}: must be in 0..{MAX_WEIGHT} (0 takes no new traffic)")
    return weight


def check_priority(priority: int) -> int:
    """Return `priority` when it is in 0..128."""
    if not 0 <= priority <= MAX_PRIORITY:
        raise InvalidValueError(
            f"priority {priority}: must be in 0..{MAX_PRIORITY} (0 is a primary, a backup serves from 1 on)"
        )
    return priority


def check_reason(reason: str) -> str:
    """Return `reason` when it is one line of at most 256 characters."""
    if len(reason) > MAX_REASON or not reason.isprintable():
        raise InvalidValueError(f"reason {reason[:40]!r}: use one line of at most {MAX_REASON} characters")
    return reason


@dataclass(frozen=True, slots=True)
class ServerRecord:
    """What a server says of itself when it registers; each heartbeat carries the whole of it.

    `priority`: its group, 0 for the primaries, else of backups, the lower the sooner they serve.
    `report` holds figures by name: `cpu` (0..1), `memory` (0..1), `bandwidth` (0..1), `load_average`,
    `in_flight`. `instance`: another one for each start of the server, "" where that is not known.
    `state`: how it is, with its reason in one line.
    """

    id: str
    address: Address
    weight: int = 1
    zone: str = ""
    priority: int = 0
    report: Mapping[str, float] = field(default_factory=dict)
    instance: str = ""
    state: ServerState = ServerState.UP
    state_reason: str = ""

    def __post_init__(self) -> None:
        check_id(self.id, "server")
        check_weight(self.weight)
        check_priority(self.priority)
        check_reason(self.state_reason)


@dataclass(frozen=True, slots=True)
class Server:
    """A registered server: its record, with what operators, probes and Redis time say of it.

    `weight`: an operator's, else the record's. `percent` of it is in force, because of `percent_reason`;
    `effective_weight` is what policies read: its ratios to those of the pool count, not its size.
    `lease_ms` is what was left of the lease when it was read (negative: overdue). `stale`: kept in the pool
    although its lease ended. `state`: what it, or its agent, says of it, with `state_reason`. `advice`: what
    its agent said. `ejection`: the last one, which may be over.
    """

    id: str
    address: Address
    weight: int = 1
    effective_weight: int = 1
    zone: str = ""
    priority: int = 0
    admin_state: AdminState = AdminState.READY
    verdict: Verdict | None = None
    ejection: Ejection | None = None
    stale: bool = False
    registered_at_ms: int = 0
    lease_ms: int = 0
    report: Mapping[str, float] = field(default_factory=dict)
    percent: int = 100
    percent_reason: str = ""
    state: ServerState = ServerState.UP
    state_reason: str = ""
    advice: Advice = NO_ADVICE

    @property
    def advised_weight(self) -> int:
        """`weight`, or what its agent wants in its place."""
        return self.advice.weigh(self.weight, MAX_WEIGHT)

    @property
    def weight_in_force(self) -> float:
        """For people: advised weight x percent, with up to 2 decimals."""
        product = self.advised_weight * self.percent
        return product / 100 if product % 100 else product // 100

    @property
    def health(self) -> Health:
        return self.verdict.health if self.verdict else Health.NEW

    @property
    def ejected(self) -> bool:
        """Whether it is out for what it did to real traffic."""
        return self.ejection is not None and self.ejection.holds

    @property
    def held(self) -> bool:
        """Whether it must wait to be UP again, for it flipped too often."""
        return self.verdict is not None and self.verdict.held_until_ms > 0

    @property
    def healthy(self) -> bool:
        """Whether neither probes nor traffic speak against it."""
        return self.health is not Health.DOWN and not self.ejected

    @property
    def availability(self) -> Availability:
        if self.ejected:
            return availability(self.admin_state, self.state, Health.DOWN, self.effective_weight)
        return self.availability_by_health

    @property
    def availability_by_health(self) -> Availability:
        """What it would take but for an ejection."""
        return availability(self.admin_state, self.state, self.health, self.effective_weight)

    @property
    def willingness(self) -> Availability:
        """What it takes where health is ignored."""
        return willingness(self.admin_state, self.state, self.effective_weight)
