"""Requests as they arrive: open loop, so that slow servers do not make clients wait with the next one."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from functools import cache
from hashlib import blake2b
from itertools import accumulate
from random import Random

from scripts.simulation.events import Events
from scripts.simulation.node import Node, Request
from scripts.simulation.scenario import Scenario


class Traffic:
    """A Poisson process of requests to `nodes`, until `end_s`. Times, nodes, services and keys come out of
    `random` alone: two policies meet the very same requests."""

    def __init__(self, events: Events, nodes: Sequence[Node], scenario: Scenario, random: Random) -> None:
        self._events = events
        self._nodes = nodes
        self._scenario = scenario
        self._random = random
        self._splits = cumulative_shares(len(nodes), scenario.split)
        self._popularity = cumulative_shares(scenario.keys, scenario.popularity)
        self._keys = hashes(scenario.keys)
        self.sent = 0

    def start(self, end_s: float) -> None:
        self._end_s = end_s
        self._wait()

    def _wait(self) -> None:
        delay_s = self._random.expovariate(self._scenario.arrivals_per_s)
        if self._events.now + delay_s < self._end_s:
            self._events.after(delay_s, self._arrive)

    def _arrive(self) -> None:
        self._wait()
        random = self._random
        node = self._nodes[bisect(self._splits, random.random())]
        work_s = self._scenario.mean_s * self._scenario.service(random)
        key = self._keys[bisect(self._popularity, random.random())]
        self.sent += 1
        node.serve(Request(self._events.now, work_s, key))


def cumulative_shares(count: int, exponent: float) -> list[float]:
    """The ends of the shares of `count` takers, in proportion to 1 / k^exponent for taker k from 1; the last
    end, 1, is left out."""
    weights = [k**-exponent for k in range(1, count + 1)]
    whole = sum(weights)
    return [end / whole for end in accumulate(weights[:-1])]


@cache
def hashes(count: int) -> list[int]:
    """Of so many keys, 64 bits each."""
    return [
        int.from_bytes(blake2b(f"key-{number}".encode(), digest_size=8).digest()) for number in range(count)
    ]
