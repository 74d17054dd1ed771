"""A member: a node as the others see it in Redis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Member:
    """One live node. `lease_ms`: what is left of its lease; `epochs`: pool name -> epoch that it serves;
    `snapshot_age_ms`: how old its oldest snapshot was at its last heartbeat."""

    id: str
    version: str
    zone: str = ""
    listeners: tuple[str, ...] = ()
    admin: str = ""
    started_at_ms: int = 0
    lease_ms: int = 0
    snapshot_age_ms: int = 0
    epochs: Mapping[str, int] = field(default_factory=dict)
