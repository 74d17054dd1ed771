"""Bounded loads: what a popular key may do to its server, and what it costs in requests that go elsewhere."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from statistics import fmean

from cluster_lb.picking import POLICIES
from scripts.simulation.cluster import Cluster
from scripts.simulation.outcome import percentile
from scripts.simulation.scenario import Kind, Scenario
from scripts.simulation.section import Section, Table
from scripts.simulation.studies.comparison import describe
from scripts.simulation.study import Options

SCENARIO = Scenario(
    "bounded",
    "Bounded loads",
    servers=(Kind(slots=16),) * 10,
    utilisation=0.6,
    mean_s=0.1,
    popularity=1.0,
    keys=1000,
)
NODES = (1, 4)
FACTORS = (0.0, 2.0, 1.5, 1.25)
TITLE = "Bounded loads"
COLUMNS = (
    "policy",
    "nodes",
    "balance_factor",
    "p50 ms",
    "p99 ms",
    "worst server, of the mean",
    "1 % of the time above",
    "requests that another server got, at least",
)


def bounded(options: Options) -> Section | None:
    """The study; None without a policy that bounds loads."""
    policies = [name for name in options.policies if POLICIES[name].bounds_load]
    if not policies:
        return None
    rows = [row for policy in policies for nodes in NODES for row in _rows(policy, nodes, options)]
    text = (
        f"{describe(SCENARIO, with_nodes=False)} {SCENARIO.keys:,} keys, of which the k-th is asked for in"
        " proportion to 1/k: the first one makes 13 % of the requests, more than a server's tenth."
    )
    return Section(TITLE, text, Table(COLUMNS, rows))


def _rows(policy: str, nodes: int, options: Options) -> list[list[str]]:
    rows = []
    homes: Counter[str] = Counter()
    for factor in FACTORS:
        cluster = Cluster(replace(SCENARIO, nodes=nodes, balance_factor=factor), policy, options.seed)
        outcome = cluster.run(options.requests)
        homes = homes or cluster.picks
        ratios = sorted(greatest / mean for _, mean, greatest in outcome.loads if mean)
        p50_s, p99_s = (percentile(sorted(outcome.latencies), share) for share in (0.5, 0.99))
        rows.append(
            [
                policy,
                str(nodes),
                f"{factor:g}" if factor else "none",
                f"{1000 * p50_s:.1f}",
                f"{1000 * p99_s:.0f}",
                f"{fmean(ratios):.2f} x" if ratios else "-",
                f"{percentile(ratios, 0.99):.2f} x",
                f"{(homes - cluster.picks).total() / homes.total():.1%}",
            ]
        )
    return rows
