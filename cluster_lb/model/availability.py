"""The truth table that joins the three axes of a server: what the operator wants, what the server says of
itself, and what the cluster finds.

    operator | itself   | NEW (no verdict yet) | UP       | DOWN
    ---------+----------+----------------------+----------+---------
    READY    | up       | ACCEPTS              | ACCEPTS  | REFUSES
    READY    | busy     | YIELDS               | YIELDS   | REFUSES
    READY    | drain    | PERSISTS             | PERSISTS | REFUSES
    READY    | down     | REFUSES              | REFUSES  | REFUSES
    DRAIN    | up       | PERSISTS             | PERSISTS | REFUSES
    DRAIN    | busy     | PERSISTS             | PERSISTS | REFUSES
    DRAIN    | drain    | PERSISTS             | PERSISTS | REFUSES
    DRAIN    | down     | REFUSES              | REFUSES  | REFUSES
    MAINT    | any      | REFUSES              | REFUSES  | REFUSES

A server that registered itself is taken at its word until probes say otherwise (HAProxy too starts
servers up), hence NEW ACCEPTS. It is taken at its word as well when it says that it is worse than it looks; a
word that it is better than the operator or the cluster finds has no effect: the strictest holds. An effective
weight of 0 turns ACCEPTS and YIELDS into PERSISTS. A server that is ejected stands in the column DOWN.
"""

from __future__ import annotations

from enum import Enum, StrEnum


class AdminState(StrEnum):
    """What the operator wants of a server."""

    READY = "READY"
    DRAIN = "DRAIN"
    MAINT = "MAINT"


class ServerState(StrEnum):
    """What a server says of itself, from the best to the strictest."""

    UP = "up"
    BUSY = "busy"
    DRAIN = "drain"
    DOWN = "down"

    @property
    def strictness(self) -> int:
        """0 for up, rising."""
        return list(ServerState).index(self)


class Health(StrEnum):
    """What the cluster knows of a server."""

    NEW = "NEW"
    UP = "UP"
    DOWN = "DOWN"


class Availability(Enum):
    """What a server takes: any exchange; new ones only where few others accept; only those bound to it
    already; or none."""

    ACCEPTS = "accepts"
    YIELDS = "yields"
    PERSISTS = "persists"
    REFUSES = "refuses"

    @property
    def takes_new(self) -> bool:
        """Whether it may take new exchanges."""
        return self in (Availability.ACCEPTS, Availability.YIELDS)


_WHERE_ALIVE = {
    (AdminState.READY, ServerState.UP): Availability.ACCEPTS,
    (AdminState.READY, ServerState.BUSY): Availability.YIELDS,
    (AdminState.READY, ServerState.DRAIN): Availability.PERSISTS,
    (AdminState.READY, ServerState.DOWN): Availability.REFUSES,
    (AdminState.DRAIN, ServerState.UP): Availability.PERSISTS,
    (AdminState.DRAIN, ServerState.BUSY): Availability.PERSISTS,
    (AdminState.DRAIN, ServerState.DRAIN): Availability.PERSISTS,
    (AdminState.DRAIN, ServerState.DOWN): Availability.REFUSES,
    (AdminState.MAINT, ServerState.UP): Availability.REFUSES,
    (AdminState.MAINT, ServerState.BUSY): Availability.REFUSES,
    (AdminState.MAINT, ServerState.DRAIN): Availability.REFUSES,
    (AdminState.MAINT, ServerState.DOWN): Availability.REFUSES,
}


def availability(
    admin_state: AdminState, state: ServerState, health: Health, effective_weight: int
) -> Availability:
    """What a server in these states takes."""
    if health is Health.DOWN:
        return Availability.REFUSES
    return willingness(admin_state, state, effective_weight)


def willingness(admin_state: AdminState, state: ServerState, effective_weight: int) -> Availability:
    """The table as it is where health is ignored: what the operator and the server itself admit."""
    result = _WHERE_ALIVE[admin_state, state]
    if effective_weight == 0 and result is not Availability.REFUSES:
        return Availability.PERSISTS
    return result
