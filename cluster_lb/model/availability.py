"""The truth table that joins the two axes of a server: what the operator wants and how it is.

             | NEW (no verdict yet) | UP       | DOWN
    ---------+----------------------+----------+---------
    READY    | ACCEPTS              | ACCEPTS  | REFUSES
    DRAIN    | PERSISTS             | PERSISTS | REFUSES
    MAINT    | REFUSES              | REFUSES  | REFUSES

A server that registered itself is taken at its word until probes say otherwise (HAProxy too starts
servers up), hence NEW ACCEPTS. An effective weight of 0 turns ACCEPTS into PERSISTS.
"""

from __future__ import annotations

from enum import Enum, StrEnum


class AdminState(StrEnum):
    """What the operator wants of a server."""

    READY = "READY"
    DRAIN = "DRAIN"
    MAINT = "MAINT"


class Health(StrEnum):
    """What the cluster knows of a server."""

    NEW = "NEW"
    UP = "UP"
    DOWN = "DOWN"


class Availability(Enum):
    """What a server takes: any exchange, only those bound to it already, or none."""

    ACCEPTS = "accepts"
    PERSISTS = "persists"
    REFUSES = "refuses"


_TABLE = {
    (AdminState.READY, Health.NEW): Availability.ACCEPTS,
    (AdminState.READY, Health.UP): Availability.ACCEPTS,
    (AdminState.READY, Health.DOWN): Availability.REFUSES,
    (AdminState.DRAIN, Health.NEW): Availability.PERSISTS,
    (AdminState.DRAIN, Health.UP): Availability.PERSISTS,
    (AdminState.DRAIN, Health.DOWN): Availability.REFUSES,
    (AdminState.MAINT, Health.NEW): Availability.REFUSES,
    (AdminState.MAINT, Health.UP): Availability.REFUSES,
    (AdminState.MAINT, Health.DOWN): Availability.REFUSES,
}


def availability(admin_state: AdminState, health: Health, effective_weight: int) -> Availability:
    """What a server in these states takes."""
    result = _TABLE[admin_state, health]
    if result is Availability.ACCEPTS and effective_weight == 0:
        return Availability.PERSISTS
    return result
