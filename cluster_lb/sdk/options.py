"""The options of a registration: their defaults, their environment, and what is refused."""

from __future__ import annotations

import dataclasses
import os
import re
from dataclasses import dataclass
from typing import TypedDict

from cluster_lb.errors import InvalidValueError
from cluster_lb.model.address import Address
from cluster_lb.model.availability import ServerState
from cluster_lb.model.server import ServerRecord
from cluster_lb.sdk.report import Report

TTL_S = 6.0  # three heartbeats long: two may be lost (Nacos 15 s at 5 s, Eureka 90 s at 30 s: three too)
MIN_TTL_S = 1.0  # the nodes' sweeps come each second: a shorter lease could not be told from an ended one
MAX_S = 3600.0
DRAIN_S = 1.0  # nodes hear of a leave within 50 ms by hint, and within 1 s where the hint is lost

_NAMESPACE = re.compile(r"[A-Za-z0-9._-]{1,32}")


class RegistrationOptions(TypedDict, total=False):
    """The keyword arguments of `Registration`, for what is built on it."""

    redis: str | None
    id: str | None
    weight: int
    zone: str
    priority: int
    ttl_s: float
    heartbeat_s: float | None
    drain_s: float
    namespace: str | None
    report: Report | None


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the lease lasts, how often it is renewed and how long a drain waits, in seconds."""

    ttl_s: float
    heartbeat_s: float
    drain_s: float

    @property
    def ttl_ms(self) -> int:
        return round(self.ttl_s * 1000)


def checked_timing(ttl_s: float, heartbeat_s: float | None, drain_s: float) -> Timing:
    """The three, when they fit each other; by default a heartbeat each third of the lease."""
    if not MIN_TTL_S <= ttl_s <= MAX_S:
        raise InvalidValueError(f"ttl_s {ttl_s}: must be in {MIN_TTL_S:g}..{MAX_S:g} seconds")
    beat_s = ttl_s / 3 if heartbeat_s is None else heartbeat_s
    if not 0 < beat_s < ttl_s:
        raise InvalidValueError(f"heartbeat_s {beat_s}: must be above 0 and below ttl_s, which is {ttl_s:g}")
    if not 0 <= drain_s <= MAX_S:
        raise InvalidValueError(f"drain_s {drain_s}: must be in 0..{MAX_S:g} seconds")
    return Timing(ttl_s, beat_s, drain_s)


def checked_record(
    address: str, server_id: str | None, weight: int, zone: str, priority: int
) -> ServerRecord:
    """The record as each heartbeat carries it, still without a report. The id is the address by default."""
    for name, value in (("weight", weight), ("priority", priority)):
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidValueError(f"{name} {value!r}: must be a whole number")
    parsed = Address.parse(address)
    return ServerRecord(server_id or str(parsed), parsed, weight, zone, priority)


def with_state(record: ServerRecord, state: str, reason: str) -> ServerRecord:
    """`record` of a server that says this of itself."""
    try:
        word = ServerState(state)
    except ValueError:
        words = ", ".join(ServerState)
        raise InvalidValueError(f"state {state!r}: use one of {words}") from None
    return dataclasses.replace(record, state=word, state_reason=reason)


def checked_namespace(namespace: str) -> str:
    """`namespace` when it can begin a key: a brace in it would spoil the hash tags."""
    if not _NAMESPACE.fullmatch(namespace):
        raise InvalidValueError(f"namespace {namespace!r}: use 1 to 32 letters, digits, '.', '_' or '-'")
    return namespace


def from_environment(value: str | None, variable: str, default: str) -> str:
    """`value` where one was given, else the environment's, else `default`."""
    return value if value is not None else os.environ.get(variable, default)


def with_no_drain(options: RegistrationOptions) -> RegistrationOptions:
    """`options` with `drain_s` 0 where none is given: for servers that tell an application of their end
    when they have closed their listeners and ended their exchanges, so that there is nothing to wait for."""
    defaults: RegistrationOptions = {"drain_s": 0.0}
    return {**defaults, **options}
