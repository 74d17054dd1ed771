"""What a node hands to its admin API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from cluster_lb.admin.hub import EventHub
from cluster_lb.admin.sources import MetricsSources
from cluster_lb.model.member import Member
from cluster_lb.store.membership import Membership
from cluster_lb.store.registry import PoolReading, Registry


class ClusterView(Protocol):
    """The node's copies of the cluster's state; `store.view.View` is one."""

    @property
    def readings(self) -> Mapping[str, PoolReading]: ...

    @property
    def members(self) -> tuple[Member, ...]: ...

    def age_s(self) -> float:
        """Seconds since the store last answered for all of them."""


@dataclass(frozen=True, slots=True)
class AdminState:
    """`ready` answers whether the node may be sent traffic, and if not, why. `started_at_ms`: ms since
    1970, for people. `token`: what clients must present; empty: nothing, the admin address is loopback."""

    node_id: str
    started_at_ms: int
    view: ClusterView
    registry: Registry
    membership: Membership
    ready: Callable[[], tuple[bool, str]]
    metrics: MetricsSources
    events: EventHub
    token: str = ""


STATE: web.AppKey[AdminState] = web.AppKey("state", AdminState)
