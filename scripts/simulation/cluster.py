"""A cluster that is simulated: what it is made of, and how a run of it goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle
from random import Random

from cluster_lb.model.locality import Locality
from cluster_lb.model.snapshot import Snapshot
from scripts.simulation.events import Events
from scripts.simulation.node import Node
from scripts.simulation.outcome import Figures, Outcome, share_error
from scripts.simulation.pool import plan_of, pool_of
from scripts.simulation.reports import Reports
from scripts.simulation.scenario import Scenario
from scripts.simulation.server import Server
from scripts.simulation.tickets import Sequence, lone_tickets, shared_tickets
from scripts.simulation.traffic import Traffic

WARM_SHARE = 0.1  # of a run, whose latencies do not count
LOOK_S = 0.01  # between looks at the servers' loads
HINT_S = 0.05  # within which every node has heard of a change


class Cluster:
    """Nodes, servers and traffic of `scenario` under `policy`, whose random numbers begin with `seed`.
    `weights`: of the servers in the pool, by id; at first those of all servers, where they are not given."""

    def __init__(
        self, scenario: Scenario, policy: str, seed: int, weights: Mapping[str, int] | None = None
    ) -> None:
        self.scenario = scenario
        self.policy = policy
        self.events = Events()
        self.outcome = Outcome()
        self.sequence = Sequence()
        self._random = Random(f"{seed} nodes")
        self._starts = Random(f"{seed} starts")
        failures = Random(f"{seed} failures")
        self.servers = [
            Server(f"server-{number:02}", kind, self.events, failures)
            for number, kind in enumerate(scenario.servers)
        ]
        self.weights = weights or {server.id: server.kind.weight for server in self.servers}
        self.localities = localities(scenario)
        self.nodes = [self._node() for _ in self.localities]
        for node, locality in zip(self.nodes, self.localities, strict=True):
            node.adopt(self.snapshot, plan_of(self.snapshot, locality))
        if scenario.shares:
            Reports(self.events, self.nodes, scenario, Random(f"{seed} reports"))
        self.traffic = Traffic(self.events, self.nodes, scenario, Random(f"{seed} traffic"))

    def _node(self) -> Node:
        if self.scenario.shares:
            tickets = shared_tickets(self.events, self.sequence, self.scenario.delay_s)
        else:
            tickets = lone_tickets(self._starts.getrandbits(16))
        naive = self.scenario.naive
        return Node(self.events, self.servers, tickets, self._random, self.outcome, naive=naive)

    @property
    def snapshot(self) -> Snapshot:
        """The pool as it is now."""
        zones = {server.id: server.kind.zone for server in self.servers}
        return pool_of(
            self.weights,
            self.policy,
            epoch=self.sequence.epoch,
            zones=zones,
            balance_factor=self.scenario.balance_factor,
        )

    @property
    def picks(self) -> Counter[str]:
        """First attempts of all nodes until now, by server."""
        return sum((node.picks for node in self.nodes), Counter())

    def change(self, weights: Mapping[str, int]) -> None:
        """Begin a new epoch with these servers and weights; each node hears of it a little later."""
        self.weights = weights
        self.sequence.epoch += 1
        snapshot = self.snapshot
        for node, locality in zip(self.nodes, self.localities, strict=True):
            plan = plan_of(snapshot, locality)
            self.events.after(self._random.uniform(0, HINT_S), node.adopt, snapshot, plan)

    def run(self, requests: int) -> Outcome:
        """Send about so many requests, wait until all have ended, and tell what came of them."""
        end_s = requests / self.scenario.arrivals_per_s
        self.outcome.warm_s = WARM_SHARE * end_s
        self.traffic.start(end_s)
        self.events.after(self.outcome.warm_s, self._look, end_s)
        self.events.run(end_s)
        while any(server.in_flight for server in self.servers):
            self.events.run(self.events.now + 1)
        return self.outcome

    def _look(self, end_s: float) -> None:
        self.outcome.look([server.fullness for server in self.servers])
        if self.events.now + LOOK_S < end_s:
            self.events.after(LOOK_S, self._look, end_s)


def localities(scenario: Scenario) -> list[Locality]:
    """Where each node is: they have the zones by turns."""
    zones = [zone for zone, _ in zip(cycle(scenario.zones or ("",)), range(scenario.nodes), strict=False)]
    counts = Counter(filter(None, zones))
    return [Locality(zone, counts) for zone in zones]


@dataclass(frozen=True)
class Job:
    """A run of about so many requests."""

    scenario: Scenario
    policy: str
    seed: int
    requests: int

    def run(self) -> Figures:
        """Simulate it."""
        cluster = Cluster(self.scenario, self.policy, self.seed)
        outcome = cluster.run(self.requests)
        return outcome.figures(share_error(cluster.picks, cluster.weights))
