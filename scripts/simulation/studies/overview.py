"""The 99th percentile of every policy in every scenario, in one picture."""

from __future__ import annotations

from scripts.simulation.bar_chart import bar_chart
from scripts.simulation.perfect import PERFECT
from scripts.simulation.scenario import SCENARIOS
from scripts.simulation.section import Section, Table
from scripts.simulation.study import Options

TITLE = "99th percentile of latency, by scenario"


def overview(options: Options) -> Section:
    """The study."""
    policies = [*options.policies, PERFECT]
    found = options.simulate(SCENARIOS.values(), policies)
    panels = {
        name: {policy: figures.p99_ms for policy, figures in zip(policies, row, strict=True)}
        for name, row in zip(SCENARIOS, found, strict=True)
    }
    rows = [[policy, *(f"{panels[name][policy]:.0f}" for name in SCENARIOS)] for policy in policies]
    chart = bar_chart(f"{TITLE}, ms", panels, unit=" ms", yardstick=PERFECT)
    text = (
        "Milliseconds; a cut bar is more than four times the best of its panel."
        " The scenarios are described below, one by one."
    )
    return Section(TITLE, text, Table(["policy", *SCENARIOS], rows), {"policies-latency": chart})
