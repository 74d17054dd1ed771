"""What is simulated: how many nodes, which servers, what traffic, how well the nodes hear of each other."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.simulation.service import Service, constant, exponential, heavy_tail


@dataclass(frozen=True)
class Kind:
    """A server: it works on `slots` requests at once and queues the others, takes `slowness` times as long as
    others, and fails a share of its attempts (0..1) at once. `zone`: empty for none."""

    weight: int = 1
    slots: int = 4
    slowness: float = 1.0
    failing: float = 0.0
    zone: str = ""


@dataclass(frozen=True)
class Scenario:
    """`utilisation` is of all slots together. `split`: node k (from 1) gets a share of the traffic in
    proportion to 1 / k^split; 0: all alike. `popularity`: key k, the same. `shares`: whether nodes take
    tickets from one sequence and hear each other's loads; else each knows only itself. `naive`: whether nodes
    count what they heard at face value. `zones`: the nodes have them by turns; none: no node prefers any.
    `balance_factor`: of bounded loads; 0: none."""

    name: str
    title: str
    servers: tuple[Kind, ...] = (Kind(),) * 10
    service: Service = exponential
    nodes: int = 4
    utilisation: float = 0.7
    mean_s: float = 0.02
    split: float = 0.0
    keys: int = 10_000
    popularity: float = 0.0
    report_s: float = 0.25  # between a node's reports of its load, as cluster_lb.pulse has it
    delay_s: float = 0.001  # from a node to the store, or back
    loss: float = 0.0  # of reports
    shares: bool = True
    naive: bool = False
    zones: tuple[str, ...] = ()
    balance_factor: float = 0.0

    @property
    def arrivals_per_s(self) -> float:
        """Requests a second that keep the slots as busy as `utilisation` says."""
        return self.utilisation / self.mean_s * sum(kind.slots / kind.slowness for kind in self.servers)


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("even", "Equal servers, service times exponential"),
        Scenario("constant", "Equal servers, every request takes as long", service=constant),
        Scenario("heavy-tail", "Equal servers, a few requests take very long", service=heavy_tail),
        Scenario(
            "slow",
            "One server of ten takes twice as long",
            servers=(Kind(slowness=2.0), *(Kind(),) * 9),
            utilisation=0.5,
        ),
        Scenario(
            "failing",
            "One server of ten refuses half of its requests at once, before health checks take it out",
            servers=(Kind(failing=0.5), *(Kind(),) * 9),
            utilisation=0.5,
        ),
        Scenario(
            "weights",
            "Servers of weights 1 to 5, with slots in proportion",
            servers=tuple(Kind(weight=weight, slots=2 * weight) for weight in (1, 2, 3, 4, 5) * 2),
        ),
        Scenario(
            "uneven",
            "Eight nodes, the first with 37 % of the traffic, the last with 5 %",
            nodes=8,
            split=1.0,
        ),
        Scenario(
            "lossy",
            "Reports between nodes come 200 ms late, and three of ten are lost",
            nodes=8,
            delay_s=0.1,
            loss=0.3,
        ),
        Scenario("popular", "A few keys are asked for most (Zipf's law)", popularity=0.9),
    )
}
