"""Bounded loads: what a popular key may do to its server, and what it costs in requests that go elsewhere."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from statistics import fmean

from cluster_lb.model.locality import Locality
from cluster_lb.picking import POLICIES
from scripts.simulation.cluster import Cluster
from scripts.simulation.outcome import percentile
from scripts.simulation.pool import plan_of, pool_of
from scripts.simulation.scenario import Kind, Scenario
from scripts.simulation.section import Section, Table
from scripts.simulation.study import Options
from scripts.simulation.traffic import hashes

COUNT = 10  # servers
SCENARIO = Scenario("bounded", "Bounded loads", utilisation=0.6, mean_s=0.1, popularity=1.0, keys=1000)
NODES = (1, 2, 4, 8)
FACTORS = (0.0, 2.0, 1.5)
#: slots a server, nodes, balance factor
CASES = [(16, nodes, factor) for nodes in (1, 4) for factor in FACTORS] + [
    (slots, nodes, 1.25) for slots in (4, 16, 64) for nodes in NODES
]
TITLE = "Bounded loads"
COLUMNS = (
    "policy",
    "in flight a server",
    "nodes",
    "balance_factor",
    "p50 ms",
    "p99 ms",
    "fullest server, of the mean",
    "1 % of the time above",
    "not at their key's server",
)


@dataclass(frozen=True)
class Found:
    """Latencies in milliseconds. `fullest`: what the server with the most has in flight, in parts of the mean
    over the servers: the mean over the time, and what is exceeded for 1 % of it. `away`: the share of the
    requests (0..1) that another server got than the one of their key."""

    p50_ms: float
    p99_ms: float
    fullest: float
    fullest_99: float
    away: float


def bounded(options: Options) -> Section | None:
    """The study; None without a policy that bounds loads."""
    policies = [name for name in options.policies if POLICIES[name].bounds_load]
    if not policies:
        return None
    rows = [_row(policy, case, options) for policy in policies for case in CASES]
    text = (
        f"{COUNT} servers, used to {SCENARIO.utilisation:.0%}; a request takes {SCENARIO.mean_s * 1000:g} ms"
        f" in the mean, and nodes report each {SCENARIO.report_s * 1000:g} ms. {SCENARIO.keys:,} keys, of"
        " which the k-th is asked for in proportion to 1/k: the first one makes 13 % of the requests, more"
        " than a server's tenth. The fullest server: what it has in flight, in parts of the mean over all,"
        " in the mean over the time."
    )
    return Section(TITLE, text, Table(COLUMNS, rows))


def look(policy: str, case: tuple[int, int, float], options: Options) -> Found:
    """Run one of `CASES`."""
    slots, nodes, factor = case
    scenario = replace(SCENARIO, servers=(Kind(slots=slots),) * COUNT, nodes=nodes, balance_factor=factor)
    cluster = Cluster(scenario, policy, options.seed)
    outcome = cluster.run(options.requests)
    ratios = sorted(greatest / mean for _, mean, greatest in outcome.loads if mean)
    p50_s, p99_s = (percentile(sorted(outcome.latencies), share) for share in (0.5, 0.99))
    mean = fmean(ratios) if ratios else 0.0
    return Found(1000 * p50_s, 1000 * p99_s, mean, percentile(ratios, 0.99), _away(cluster))


def _away(cluster: Cluster) -> float:
    picker = plan_of(pool_of(cluster.weights, cluster.policy), Locality()).bind(cluster.nodes[0].seen)
    homes = {key: server.id for key in hashes(SCENARIO.keys) if (server := picker.first(key))}
    picks = sum((node.picks_of_keys for node in cluster.nodes), Counter[tuple[int, str]]())
    away = sum(count for (key, server_id), count in picks.items() if homes[key] != server_id)
    return away / max(1, picks.total())


def _row(policy: str, case: tuple[int, int, float], options: Options) -> list[str]:
    slots, nodes, factor = case
    found = look(policy, case, options)
    return [
        policy,
        f"{slots * SCENARIO.utilisation:.3g}",
        str(nodes),
        f"{factor:g}" if factor else "none",
        f"{found.p50_ms:.1f}",
        f"{found.p99_ms:.0f}",
        f"{found.fullest:.2f} x",
        f"{found.fullest_99:.2f} x",
        f"{found.away:.1%}",
    ]
