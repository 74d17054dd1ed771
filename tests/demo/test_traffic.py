"""Steady traffic: uneven over the nodes, counted, and kept away from a node that is gone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from random import Random

from cluster_lb.demo.client import Answer
from cluster_lb.demo.traffic import Tally, Traffic
from tests.doubles.waiting import eventually


class Nodes:
    """In place of a client: every node answers but those in `gone`."""

    def __init__(self, *gone: str) -> None:
        self.gone = gone
        self.first: list[str] = []

    async def fetch(self, order: Sequence[str]) -> Answer:
        self.first.append(order[0])
        moved = next(n for n, node in enumerate(order) if node not in self.gone)
        return Answer(order[moved], "s1", 200, moved, 0.001)


async def _tallied(nodes: Nodes, requests: int) -> Tally:
    tally = Tally()
    traffic = Traffic(nodes, ["a", "b", "c"], tally, rate=2000.0, clients=4, random=Random(3))
    running = asyncio.ensure_future(traffic.run())
    await eventually(lambda: tally.answered >= requests)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    return tally


async def test_the_first_node_gets_most_and_each_gets_some() -> None:
    tally = await _tallied(Nodes(), 200)
    assert tally.by_node["a"] > tally.by_node["b"] > tally.by_node["c"] > 0
    assert tally.by_server == {"s1": tally.answered}


async def test_a_node_that_is_gone_is_tried_and_then_left_alone_for_a_while() -> None:
    nodes = Nodes("a")
    tally = await _tallied(nodes, 200)
    assert 0 < tally.moved <= 4  # at most one for each client that was under way
    assert nodes.first.count("a") == tally.moved


def test_failed_requests_are_counted_and_the_first_problems_kept() -> None:
    tally = Tally()
    for number in range(7):
        tally.add(Answer("", "", 0, 1, 0.1, f"problem {number}"))
    assert (tally.answered, tally.failed) == (0, 7)
    assert tally.problems == [f"problem {number}" for number in range(5)]
