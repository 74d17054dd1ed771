"""How nodes hear of each other: each tells the store its loads and latencies every so often, and hears the
sum of the others' loads and the highest of their latencies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

from cluster_lb.model.place import Place
from scripts.simulation.events import Events
from scripts.simulation.node import Node
from scripts.simulation.scenario import Scenario


class Reports:
    """The reports of all nodes. They begin at moments of their own, as those of real nodes do."""

    def __init__(self, events: Events, nodes: Sequence[Node], scenario: Scenario, random: Random) -> None:
        self._events = events
        self._nodes = nodes
        self._scenario = scenario
        self._random = random
        self._told: list[tuple[dict[str, int], dict[str, int]]] = [({}, {}) for _ in nodes]
        for number in range(len(nodes)):
            events.after(random.uniform(0, scenario.report_s), self._report, number)

    def _report(self, number: int) -> None:
        self._events.after(self._scenario.report_s, self._report, number)
        node = self._nodes[number]
        if self._random.random() >= self._scenario.loss:
            self._events.after(self._scenario.delay_s, self._arrive, number, node.loads(), node.latencies())

    def _arrive(self, number: int, loads: dict[str, int], latencies: dict[str, int]) -> None:
        self._told[number] = loads, latencies
        elsewhere: Counter[str] = Counter()
        slowest: Counter[str] = Counter()
        for teller, (told_loads, told_latencies) in enumerate(self._told):
            if teller != number:
                elsewhere.update(told_loads)
                slowest |= Counter(told_latencies)
        place = Place(number, len(self._nodes))
        self._events.after(self._scenario.delay_s, self._nodes[number].hear, place, elsewhere, slowest)
