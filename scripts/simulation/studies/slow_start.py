"""Slow start: the share of a server that joins a running pool, and what falls to the others meanwhile."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from cluster_lb.model.slow_start import Ramp
from scripts.simulation.cluster import Cluster
from scripts.simulation.line_chart import Panel, line_chart
from scripts.simulation.scenario import Kind, Scenario
from scripts.simulation.section import Section, Table
from scripts.simulation.studies.comparison import describe
from scripts.simulation.study import Options
from scripts.simulation.weights import Weights

SCENARIO = Scenario("slow-start", "Slow start", servers=(Kind(),) * 6, utilisation=0.5)
POLICY = "weighted_round_robin"
JOINS = 0.5  # of the time
BUCKETS = 60  # of the time, of which slow start takes 24
LOOKED_AT = (1, 6, 12, 24)  # buckets after the server joined
TITLE = "A server joins, with slow start and without"


def slow_start(options: Options) -> Section | None:
    """The study; None where its policy is not asked for."""
    if POLICY not in options.policies:
        return None
    end_s = options.requests / SCENARIO.arrivals_per_s
    duration_ms = 1000 * end_s * 24 / BUCKETS
    ramps = {
        "off": Ramp(),
        "aggression 0.5": Ramp(duration_ms, 0.5),
        "aggression 1": Ramp(duration_ms),
        "aggression 2": Ramp(duration_ms, 2.0),
    }
    shares = {name: _shares(ramp, options) for name, ramp in ramps.items()}
    joined = round(JOINS * BUCKETS)
    rows = [
        [name, *(f"{found[joined + bucket - 1][0]:.2f} x" for bucket in LOOKED_AT), f"{_most(found):.2f} x"]
        for name, found in shares.items()
    ]
    lines = {
        name: [(number * end_s / BUCKETS, 100 * new / 6) for number, (new, _) in enumerate(found)]
        for name, found in shares.items()
    }
    text = (
        f"{describe(SCENARIO)} `{POLICY}`; five servers are there, the sixth joins, with"
        f" {duration_ms / 1000:.0f} s of slow start. Shares are in parts of a sixth."
    )
    columns = [
        "slow start",
        *(f"new server after {bucket / 24:.0%} of it" for bucket in LOOKED_AT),
        "most that another got",
    ]
    chart = line_chart(TITLE, [Panel("share of the new server", lines, "seconds", "% of requests")])
    return Section(TITLE, text, Table(columns, rows), {"policies-slow-start": chart})


def _shares(ramp: Ramp, options: Options) -> list[tuple[float, float]]:
    """In each bucket of the time, in parts of a sixth: what the new server got, and the most of any other."""
    servers = [f"server-{number:02}" for number in range(6)]
    cluster = Cluster(SCENARIO, POLICY, options.seed, dict.fromkeys(servers[:5], 1))
    weights = Weights(cluster, ramp)
    end_s = options.requests / SCENARIO.arrivals_per_s
    counts = [Counter[str]()]
    for number in range(1, BUCKETS + 1):
        cluster.events.after(number * end_s / BUCKETS, lambda: counts.append(cluster.picks))
    cluster.events.after(JOINS * end_s, weights.join, servers[5])
    cluster.run(options.requests)
    return [_parts(later - earlier) for earlier, later in pairwise(counts)]


def _parts(picks: Counter[str]) -> tuple[float, float]:
    each = max(1, picks.total()) / 6
    others = [count for server_id, count in picks.items() if server_id != "server-05"]
    return picks["server-05"] / each, max(others, default=0) / each


def _most(found: list[tuple[float, float]]) -> float:
    """After the server has joined."""
    return max(most for _, most in found[round(JOINS * BUCKETS) + 1 :])
