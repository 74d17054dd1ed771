"""Several balancers in front of the same servers: each for itself, and as one cluster.

The shape is that of HAProxy Technologies' "Test Driving Power of Two Random Choices Load Balancing" (2019),
where several balancers that do not know of each other send to the same servers.
"""

from __future__ import annotations

from dataclasses import replace

from scripts.simulation.line_chart import Panel, line_chart
from scripts.simulation.perfect import PERFECT
from scripts.simulation.scenario import Scenario
from scripts.simulation.section import Section, Table
from scripts.simulation.studies.comparison import describe
from scripts.simulation.study import Options

BALANCERS = (1, 2, 4, 8, 16)
SCENARIO = Scenario("balancers", "The more balancers", utilisation=0.8)
TWINS = ("random", "round_robin")  # where servers are equal, these are what their weighted twins are
TITLE = "More balancers, each for itself or as one cluster"
COLUMNS = ("policy", *(f"{count} alone" for count in BALANCERS), *(f"{count} as one" for count in BALANCERS))


def balancers(options: Options) -> Section:
    """The study."""
    policies = [*(name for name in options.policies if name not in TWINS), PERFECT]
    alone, shared = (
        options.simulate([replace(SCENARIO, nodes=n, shares=shares) for n in BALANCERS], policies)
        for shares in (False, True)
    )
    panels = [
        Panel(
            title,
            {
                policy: [(count, row[number].worst) for count, row in zip(BALANCERS, found, strict=True)]
                for number, policy in enumerate(policies)
            },
            "balancers",
            "in flight a slot, worst server",
        )
        for title, found in (("each for itself", alone), ("one cluster", shared))
    ]
    rows = [
        [policy, *(f"{row[number].worst:.2f}" for row in (*alone, *shared))]
        for number, policy in enumerate(policies)
    ]
    text = (
        f"{describe(SCENARIO, with_nodes=False)} The worst server's requests in flight for each slot, by the"
        " number of nodes."
    )
    return Section(TITLE, text, Table(COLUMNS, rows), {"policies-balancers": line_chart(TITLE, panels)})
