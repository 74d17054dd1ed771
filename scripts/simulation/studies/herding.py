"""Many nodes that all go by load: do they herd onto the server that looked idle in the last report?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cluster_lb.picking import POLICIES
from scripts.simulation.cluster import Cluster
from scripts.simulation.line_chart import Panel, line_chart
from scripts.simulation.outcome import Figures
from scripts.simulation.perfect import PERFECT
from scripts.simulation.scenario import Kind, Scenario
from scripts.simulation.section import Section, Table
from scripts.simulation.study import Options

COUNT, SLOTS, IN_FLIGHT = 50, (4, 8, 16, 32), (4, 10)
NO_QUEUE = 1000  # slots: so many are never used up


def _scenario(slots: int, utilisation: float) -> Scenario:
    servers = (Kind(slots=slots),) * COUNT
    return Scenario("herding", "Herding", servers=servers, nodes=8, utilisation=utilisation, mean_s=0.1)


SCENARIOS = (
    *(_scenario(slots, 0.8) for slots in SLOTS),
    *(_scenario(NO_QUEUE, in_flight / NO_QUEUE) for in_flight in IN_FLIGHT),
)
DRAWN = SCENARIOS[1]
TITLE = "Do the nodes herd?"
COLUMNS = (
    "policy",
    "nodes hear",
    *(f"{slots} slots" for slots in SLOTS),
    *(f"{in_flight} in flight, no queue" for in_flight in IN_FLIGHT),
)


def herding(options: Options) -> Section:
    """The study; of the policies that go by load, and of round robin beside them."""
    by_load = [name for name in options.policies if POLICIES[name].by_load]
    others = [name for name in ("round_robin",) if name in options.policies]
    variants = {
        "each other's loads": (by_load, SCENARIOS),
        "nothing": ([*by_load, *others], [replace(each, shares=False) for each in SCENARIOS]),
        "them, and count them in full": (by_load, [replace(each, naive=True) for each in SCENARIOS]),
    }
    perfect = [row[0] for row in options.simulate(SCENARIOS, [PERFECT])]
    rows = [
        [policy, hear, *_ratios([row[number] for row in found], perfect)]
        for hear, (policies, scenarios) in variants.items()
        for found in [options.simulate(scenarios, policies)]
        for number, policy in enumerate(policies)
    ]
    text = (
        f"{DRAWN.nodes} nodes, {COUNT} servers used to {DRAWN.utilisation:.0%}; a request takes"
        f" {DRAWN.mean_s * 1000:g} ms in the mean, and nodes report each {DRAWN.report_s * 1000:g} ms."
        " What the fullest server has in flight, in the mean over the time, in parts of what it has with one"
        " balancer that knows everything. In the last columns servers take all requests at once, however"
        f" many, so that none waits. The picture shows the least, mean and greatest over time, at"
        f" {DRAWN.servers[0].slots} slots a server."
    )
    return Section(TITLE, text, Table(COLUMNS, sorted(rows)), {"policies-herding": _chart(by_load, options)})


def _ratios(found: Sequence[Figures], perfect: Sequence[Figures]) -> list[str]:
    return [
        f"{one.worst / best.worst:.2f} x" if best.worst else "-"
        for one, best in zip(found, perfect, strict=True)
    ]


def _chart(by_load: Sequence[str], options: Options) -> str:
    panels = [_over_time(policy, policy, DRAWN, options) for policy in (*by_load, PERFECT)]
    panels += [
        _over_time(f"{policy}, counting in full", policy, replace(DRAWN, naive=True), options)
        for policy in by_load[:1]
    ]
    top = 4 * max(y for _, y in panels[len(by_load)].lines["greatest"])
    return line_chart(TITLE, panels, columns=2, top=top)


def _over_time(title: str, policy: str, scenario: Scenario, options: Options) -> Panel:
    """The first seconds after the run has become warm."""
    loads = Cluster(scenario, policy, options.seed).run(options.requests).loads[:400]
    lines = {
        name: [(0.01 * look, load[number]) for look, load in enumerate(loads)][::2]
        for number, name in enumerate(("least", "mean", "greatest"))
    }
    return Panel(title, lines, "seconds", "in flight a slot")
