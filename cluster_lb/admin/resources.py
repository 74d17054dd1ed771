"""The JSON shapes of pools, servers, nodes and routes: the one place that makes them, for the admin API
and for `cluster-lb get -o json`. docs/api.md describes them field by field."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cluster_lb.model.availability import Health
from cluster_lb.model.member import Member
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.model.verdict import Verdict
from cluster_lb.settings.policies import UNWEIGHTED
from cluster_lb.settings.routes import RouteSettings
from cluster_lb.store.registry import PoolReading

Json = dict[str, Any]

_NO_VERDICT = Verdict(Health.NEW, "", (), 0, 0)


def expected_shares(snapshot: Snapshot) -> Mapping[str, float]:
    """Server id -> its share (0..1) of new exchanges, by weight; servers that take none are left out. The
    round robins keep to it exactly; policies that go by load or by key only where load and keys are even."""
    alike = snapshot.policy in UNWEIGHTED
    weights = {server.id: 1 if alike else server.effective_weight for server in snapshot.eligible}
    total = sum(weights.values())
    return {server_id: weight / total for server_id, weight in weights.items()}


def pool_json(reading: PoolReading) -> Json:
    """One pool with its servers."""
    snapshot = reading.snapshot
    return {
        "name": snapshot.pool,
        "policy": snapshot.policy,
        "epoch": snapshot.epoch,
        "revision": reading.revision,
        "panics": snapshot.panics,
        "backups_serve": snapshot.serving.has_backups,
        "settings": reading.settings.model_dump(mode="json"),
        "servers": servers_json(reading),
    }


def servers_json(reading: PoolReading) -> list[Json]:
    """The servers of a pool, in the order of their ids. `lease_ms` is what was left when it was read;
    `in_flight` is over all live nodes."""
    shares = expected_shares(reading.snapshot)
    return [_server_json(reading, server, shares.get(server.id, 0.0)) for server in reading.snapshot.servers]


def _server_json(reading: PoolReading, server: Server, share: float) -> Json:
    return {
        "id": server.id,
        "pool": reading.snapshot.pool,
        "address": str(server.address),
        "weight": server.weight,
        "effective_weight": server.weight_in_force,
        "percent": server.percent,
        "percent_reason": server.percent_reason,
        "share": round(share, 6),
        "zone": server.zone,
        "priority": server.priority,
        "admin_state": server.admin_state.value,
        "state": server.state.value,
        "state_reason": server.state_reason,
        "health": server.health.value,
        "reason": _reason(server),
        "ejected": server.ejected,
        "in_flight": reading.in_flight(server.id),
        "max_requests": server.advice.bound(reading.settings.limits.server_requests),
        "lease_ms": server.lease_ms,
        "stale": server.stale,
        "registered_at_ms": server.registered_at_ms,
        "report": dict(server.report),
        "verdict": _verdict_json(reading, server),
        "ejection": _ejection_json(server),
    }


def _reason(server: Server) -> str:
    """Why it is as it is, in a line."""
    ejection, verdict = server.ejection, server.verdict
    if ejection is not None and server.ejected:
        return f"ejected: {ejection.reason}, until {utc(ejection.until_ms)}"
    if verdict is None:
        return ""
    return (
        f"{verdict.reason}, until {utc(verdict.held_until_ms)}" if verdict.held_until_ms else verdict.reason
    )


def utc(at_ms: int) -> str:
    """Redis time, for people."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%H:%M:%S} UTC"


def _verdict_json(reading: PoolReading, server: Server) -> Json:
    """What explains the health of a server: the verdict, and who votes what on it now."""
    verdict = server.verdict or _NO_VERDICT
    votes = reading.votes.get(server.id, {})
    return {
        **dataclasses.asdict(verdict),
        "authors": list(verdict.authors),
        "votes": {node: dataclasses.asdict(vote) for node, vote in votes.items()},
    }


def _ejection_json(server: Server) -> Json | None:
    """The last ejection, which may be over."""
    return dataclasses.asdict(server.ejection) if server.ejection else None


def node_json(member: Member) -> Json:
    """One live node, as it described itself at its last heartbeat."""
    return {
        "id": member.id,
        "version": member.version,
        "zone": member.zone,
        "listeners": list(member.listeners),
        "admin": member.admin,
        "started_at_ms": member.started_at_ms,
        "lease_ms": member.lease_ms,
        "snapshot_age_ms": member.snapshot_age_ms,
        "epochs": dict(member.epochs),
    }


def route_json(route: RouteSettings) -> Json:
    """One line of the routing table: `match` and `action` in words, and each setting that is not the
    default."""
    shown = {"match": route.match_label, "action": route.action_label}
    return shown | route.model_dump(mode="json", exclude_defaults=True) | {"name": route.label}
