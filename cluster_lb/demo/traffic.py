"""Steady traffic through all nodes, on purpose uneven: the first node gets most of it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from random import Random

from cluster_lb.demo.client import Answer, Client

_AVOID_S = 1.0  # a node that could not be reached is left alone for so long
_MAX_PROBLEMS = 5  # kept to be shown; more of them say no more


class Tally:
    """What came of all requests so far."""

    def __init__(self) -> None:
        self.answered = 0
        self.failed = 0
        self.moved = 0  # requests that were answered by another node than the first one tried
        self.by_server: Counter[str] = Counter()
        self.by_node: Counter[str] = Counter()
        self.problems: list[str] = []

    def add(self, answer: Answer) -> None:
        if answer.ok:
            self.answered += 1
            self.by_server[answer.server] += 1
            self.by_node[answer.node] += 1
            self.moved += answer.moved > 0
        else:
            self.failed += 1
            if len(self.problems) < _MAX_PROBLEMS:
                self.problems.append(answer.problem)


class Traffic:
    """`clients` clients that together send about `rate` requests a second until they are cancelled."""

    def __init__(
        self, client: Client, nodes: Sequence[str], tally: Tally, *, rate: float, clients: int, random: Random
    ) -> None:
        self._client = client
        self._nodes = nodes
        self._weights = [2.0**-position for position in range(len(nodes))]
        self._tally = tally
        self._pause_s = clients / rate
        self._clients = clients
        self._random = random
        self._gone: dict[str, float] = {}  # node -> until when it is left alone

    async def run(self) -> None:
        await asyncio.gather(*(self._one_client() for _ in range(self._clients)))

    async def _one_client(self) -> None:
        await asyncio.sleep(self._random.uniform(0, self._pause_s))
        while True:
            began = time.monotonic()
            order = self._order(began)
            answer = await self._client.fetch(order)
            self._tally.add(answer)
            for node in order[: answer.moved]:
                self._gone[node] = began + _AVOID_S
            await asyncio.sleep(max(0.0, began + self._pause_s - time.monotonic()))

    def _order(self, now: float) -> list[str]:
        """A node by its weight, then the others; those that could not be reached come last."""
        first = self._random.choices(self._nodes, self._weights)[0]
        order = [first, *(node for node in self._nodes if node != first)]
        return sorted(order, key=lambda node: self._gone.get(node, 0.0) > now)
