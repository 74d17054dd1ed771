"""Simulated pools, as the product knows pools."""

from __future__ import annotations

from collections.abc import Mapping

from cluster_lb.model.address import Address
from cluster_lb.model.locality import Locality
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking import Plan, compile_policy
from scripts.simulation.perfect import PERFECT, PerfectPlan

_ADDRESS = Address("192.0.2.1", 8000)
_NO_ZONES: Mapping[str, str] = {}
_plans: dict[tuple[object, ...], Plan] = {}


def pool_of(
    weights: Mapping[str, int],
    policy: str,
    *,
    epoch: int = 1,
    zones: Mapping[str, str] = _NO_ZONES,
    balance_factor: float = 0.0,
) -> Snapshot:
    """A pool of servers with these effective weights, all of them healthy. `zones`: of servers, by id; with
    any, nodes prefer their own."""
    servers = tuple(
        Server(server_id, _ADDRESS, weight=weight, effective_weight=weight, zone=zones.get(server_id, ""))
        for server_id, weight in sorted(weights.items())
    )
    return Snapshot(
        "simulated",
        epoch,
        policy,
        panic_threshold=0.5,
        servers=servers,
        zones_from=1 if any(zones.values()) else 0,
        balance_factor=balance_factor,
    )


def plan_of(pool: Snapshot, locality: Locality) -> Plan:
    """The plan of a pool for nodes in `locality`: made once, for it may take long and all runs may use it."""
    servers = tuple((server.id, server.effective_weight, server.zone) for server in pool.servers)
    here = (locality.zone, *sorted(locality.nodes.items()))
    key = (pool.policy, pool.balance_factor, pool.zones_from, servers, here)
    if key not in _plans:
        _plans[key] = _compiled(pool, locality)
    return _plans[key]


def _compiled(pool: Snapshot, locality: Locality) -> Plan:
    if pool.policy == PERFECT:
        return PerfectPlan([server.id for server in pool.eligible])
    return compile_policy(pool, locality)
