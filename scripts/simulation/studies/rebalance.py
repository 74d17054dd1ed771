"""What a change of the pool does to the shares: a server joins, a weight doubles, a server leaves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from cluster_lb.picking import POLICIES
from scripts.simulation.cluster import Cluster
from scripts.simulation.line_chart import Panel, line_chart
from scripts.simulation.scenario import Kind, Scenario
from scripts.simulation.section import Section, Table
from scripts.simulation.studies.comparison import describe
from scripts.simulation.study import Options

SCENARIO = Scenario("rebalance", "Rebalancing", servers=(Kind(),) * 6, utilisation=0.5, mean_s=0.005)
TITLE = "Shares over a change of the pool"
BUCKETS = 80  # of a run
AFTER = 4  # so many buckets after a change count as that change

IDS = tuple(f"server-{number:02}" for number in range(6))
FIRST = dict.fromkeys(IDS[:5], 2)
JOINED = FIRST | {IDS[5]: 2}
DOUBLED = JOINED | {IDS[0]: 4}
LEFT = {server_id: weight for server_id, weight in DOUBLED.items() if server_id != IDS[1]}
PHASES: tuple[tuple[str, Mapping[str, int]], ...] = (
    ("at first", FIRST),
    ("one joins", JOINED),
    ("weight doubles", DOUBLED),
    ("one leaves", LEFT),
)


@dataclass(frozen=True)
class Watched:
    """`picks`: first attempts in each bucket, by server. `bucket_s`: how long one is."""

    picks: list[Counter[str]]
    bucket_s: float

    def lines(self) -> dict[str, list[tuple[float, float]]]:
        """Each server's share, 0..100, over time."""
        return {
            server_id: [
                (number * self.bucket_s, 100 * picks[server_id] / max(1, picks.total()))
                for number, picks in enumerate(self.picks)
            ]
            for server_id in IDS
        }

    def greatest_excess(self, phase: int) -> float:
        """The most that a server got right after a change, in parts of its exact share."""
        weights = PHASES[phase][1]
        first = phase * BUCKETS // len(PHASES)
        return max(
            picks[server_id] / picks.total() / (weight / sum(weights.values()))
            for picks in self.picks[first : first + AFTER]
            for server_id, weight in weights.items()
            if picks
        )


def rebalance(options: Options) -> Section | None:
    """The study; of policies that go by weight, None without one."""
    weighted = [name for name in options.policies if POLICIES[name].weighted]
    if not weighted:
        return None
    watched = {policy: watch(policy, options) for policy in weighted}
    panels = [Panel(policy, found.lines(), "seconds", "% of requests") for policy, found in watched.items()]
    rows = [
        [policy, *(f"{found.greatest_excess(phase):.2f} x" for phase in range(len(PHASES)))]
        for policy, found in watched.items()
    ]
    text = (
        f"{describe(SCENARIO)} Five of the servers begin; after a quarter of the time the sixth joins, then"
        " the weight of the first one doubles, then the second one leaves. The table has the most that any"
        f" server got of its exact share in a bucket of 1/{BUCKETS} of the time, of the first {AFTER} after a"
        " change."
    )
    chart = line_chart(TITLE, panels, columns=3)
    table = Table(["policy", *(name for name, _ in PHASES)], rows)
    return Section(TITLE, text, table, {"policies-rebalance": chart})


def watch(policy: str, options: Options) -> Watched:
    """Run through the phases under `policy`."""
    cluster = Cluster(SCENARIO, policy, options.seed, FIRST)
    end_s = options.requests / SCENARIO.arrivals_per_s
    bucket_s = end_s / BUCKETS
    counts = [Counter[str]()]
    for number, (_, weights) in enumerate(PHASES[1:], 1):
        cluster.events.after(number * end_s / len(PHASES), cluster.change, weights)
    note = _noting(cluster, counts)
    for number in range(1, BUCKETS + 1):
        cluster.events.after(number * bucket_s, note)
    cluster.run(options.requests)
    return Watched([later - earlier for earlier, later in pairwise(counts)], bucket_s)


def _noting(cluster: Cluster, counts: list[Counter[str]]) -> Callable[[], None]:
    return lambda: counts.append(cluster.picks)
