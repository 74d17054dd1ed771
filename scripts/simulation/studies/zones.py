"""Nodes that prefer the servers of their own zone: what stays there, and whether a zone is overloaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from scripts.simulation.cluster import Cluster
from scripts.simulation.scenario import Kind, Scenario
from scripts.simulation.section import Section, Table
from scripts.simulation.studies.comparison import describe
from scripts.simulation.study import Options

ZONES = ("a", "b", "c")
POLICY = "weighted_round_robin"


def servers(*counts: int) -> tuple[Kind, ...]:
    """So many in each zone."""
    return tuple(Kind(zone=zone) for zone, count in zip(ZONES, counts, strict=True) for _ in range(count))


BASE = Scenario("zones", "Zones", servers=servers(4, 4, 4), nodes=6, zones=ZONES)
SCENARIOS = (
    replace(BASE, title="4 servers in each zone, no preference", zones=()),
    replace(BASE, title="4 servers in each zone"),
    replace(BASE, title="6, 4 and 2 servers", servers=servers(6, 4, 2)),
    replace(BASE, title="6, 6 and none", servers=servers(6, 6, 0)),
    replace(BASE, title="4 in each, nodes of zone a have more traffic", split=0.3),
)
TITLE = "Own zone first"
COLUMNS = (
    "servers in zones a, b, c",
    *(f"stays in {zone}" for zone in ZONES),
    *(f"load of {zone}" for zone in ZONES),
    "p99 ms",
)


@dataclass(frozen=True)
class Found:
    """By zone: `stays`, the share (0..1) of what came in there and went to servers of the same zone; `load`,
    what its servers got, in parts of an equal share; None where there are none."""

    stays: Mapping[str, float]
    load: Mapping[str, float | None]
    p99_ms: float


def zones(options: Options) -> Section | None:
    """The study; None where its policy is not asked for."""
    if POLICY not in options.policies:
        return None
    rows = [_row(scenario.title, look(scenario, options)) for scenario in SCENARIOS]
    text = (
        f"{describe(BASE)} Two nodes in each zone, `{POLICY}`. What a zone's servers get is in parts of"
        " an equal share: a zone of more than 1 has more than its capacity says."
    )
    return Section(TITLE, text, Table(COLUMNS, rows))


def look(scenario: Scenario, options: Options) -> Found:
    """Run `scenario`. Its nodes are in the three zones by turns, whether they prefer them or not."""
    cluster = Cluster(scenario, POLICY, options.seed)
    outcome = cluster.run(options.requests)
    zone_of = {server.id: server.kind.zone for server in cluster.servers}
    went = {zone: Counter[str]() for zone in ZONES}
    for number, node in enumerate(cluster.nodes):
        for server_id, count in node.picks.items():
            went[ZONES[number % len(ZONES)]][zone_of[server_id]] += count
    return Found(_stays(went), _loads(went, list(zone_of.values())), outcome.figures(0).p99_ms)


def _stays(went: Mapping[str, Counter[str]]) -> dict[str, float]:
    return {zone: picks[zone] / max(1, picks.total()) for zone, picks in went.items()}


def _loads(went: Mapping[str, Counter[str]], homes: Sequence[str]) -> dict[str, float | None]:
    got = sum(went.values(), Counter[str]())
    each = got.total() / len(homes)
    return {zone: got[zone] / each / count if (count := homes.count(zone)) else None for zone in ZONES}


def _row(title: str, found: Found) -> list[str]:
    return [
        title,
        *(f"{share:.0%}" for share in found.stays.values()),
        *("-" if load is None else f"{load:.2f} x" for load in found.load.values()),
        f"{found.p99_ms:.0f}",
    ]
