"""All policies in one scenario, beside a perfect balancer."""

from __future__ import annotations

from dataclasses import replace

from scripts.simulation.outcome import Figures
from scripts.simulation.perfect import PERFECT
from scripts.simulation.scenario import Scenario
from scripts.simulation.section import Section, Table
from scripts.simulation.study import Options, Study

COLUMNS = (
    "policy",
    "p50 ms",
    "p99 ms",
    "max ms",
    "worst",
    "of one node's",
    "peak",
    "off share",
    "retried",
    "failed",
)


def comparison(scenario: Scenario) -> Study:
    """The study of `scenario`."""

    def study(options: Options) -> Section:
        policies = [*options.policies, PERFECT]
        (figures,) = options.simulate([scenario], policies)
        (alone,) = options.simulate([replace(scenario, nodes=1)], policies)
        rows = [_row(*each) for each in zip(policies, figures, alone, strict=True)]
        return Section(scenario.title, describe(scenario), Table(COLUMNS, rows))

    return study


def describe(scenario: Scenario, *, with_nodes: bool = True) -> str:
    """The scenario's numbers, in a sentence."""
    slots = sum(kind.slots for kind in scenario.servers)
    nodes = f"{scenario.nodes} nodes, " if with_nodes else ""
    return (
        f"{nodes}{len(scenario.servers)} servers with {slots} slots, used to"
        f" {scenario.utilisation:.0%}; a request takes {scenario.mean_s * 1000:g} ms in the mean."
    )


def _row(policy: str, figures: Figures, alone: Figures) -> list[str]:
    return [
        policy,
        f"{figures.p50_ms:.1f}",
        f"{figures.p99_ms:.0f}",
        f"{figures.max_ms:.0f}",
        f"{figures.worst:.2f}",
        f"{figures.worst / alone.worst:.2f} x" if alone.worst else "-",
        f"{figures.peak:.2f}",
        f"{figures.share_error:.1f}",
        f"{figures.retried:.2%}",
        f"{figures.failed:.2%}",
    ]
