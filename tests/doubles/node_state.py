"""What a node counts and knows, set by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cluster_lb.model.member import Member
from cluster_lb.proxy.route_counts import RouteCounts
from cluster_lb.store.client import StoreCounters
from cluster_lb.store.registry import PoolReading


@dataclass
class CountedServer:
    statuses: list[int] = field(default_factory=lambda: [0] * 6)
    attempts: int = 0
    failures: int = 0
    load: int = 0
    latency_s: float = 0.0
    connections: int = 0
    idle: list[object] = field(default_factory=list)


@dataclass
class CountedLatency:
    counts: list[int] = field(default_factory=lambda: [0, 0, 0])
    sum: float = 0.0


@dataclass
class CountedBudget:
    denied: int = 0


@dataclass
class CountedLimits:
    waiting: Sequence[object] = ()
    queued: int = 0
    overflowed: int = 0
    timed_out: int = 0


@dataclass
class CountedPool:
    servers: dict[str, CountedServer] = field(default_factory=dict)
    latency: CountedLatency = field(default_factory=CountedLatency)
    retries: int = 0
    unserved: int = 0
    statuses: list[int] = field(default_factory=lambda: [0] * 6)
    budget: CountedBudget = field(default_factory=CountedBudget)
    limits: CountedLimits | None = None
    opened_tunnels: int = 0
    open_tunnels: int = 0
    zone_attempts: dict[str, int] = field(default_factory=dict)
    bonds_kept: int = 0
    bonds_made: int = 0


@dataclass
class CountedDataPath:
    latency_bounds_s: list[float] = field(default_factory=lambda: [0.1, 1.0])
    pools: dict[str, CountedPool] = field(default_factory=dict)
    zone: str = ""
    routes: dict[str, RouteCounts] = field(default_factory=dict)
    shadows: int = 0
    client_connections: int = 0
    accepted: int = 0
    rejected: int = 0
    refused: dict[int, int] = field(default_factory=dict)
    arrivals: list[object] = field(default_factory=list)
    redirected: int = 0
    tls_file_failures: int = 0
    lost_access_lines: int = 0


@dataclass
class CountedTickets:
    blocks: int = 0
    shared_used: int = 0
    local_used: int = 0


@dataclass
class CountedRateLimit:
    keys: int = 0
    allowed: int = 0
    denied: int = 0
    cut_off: int = 0
    leases: int = 0
    tokens: int = 0

    def __len__(self) -> int:
        return self.keys


@dataclass
class CountedPassive:
    ejected: dict[tuple[str, str], int] = field(default_factory=dict)
    returned: dict[tuple[str, str], int] = field(default_factory=dict)
    spared: dict[str, int] = field(default_factory=dict)


@dataclass
class HeldView:
    """What a node last heard, set by hand."""

    readings: dict[str, PoolReading] = field(default_factory=dict)
    members: tuple[Member, ...] = ()
    age: float = 0.25

    def age_s(self) -> float:
        return self.age


@dataclass
class CountedStore:
    up: bool = True
    counters: StoreCounters = field(default_factory=StoreCounters)
