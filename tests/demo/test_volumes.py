"""A fixed amount of requests, by client and by server."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import count

from rich.console import Console

from cluster_lb.demo.client import Answer
from cluster_lb.demo.traffic import Tally
from cluster_lb.demo.volumes import VOLUMES, play, show, within_bound


class Turns:
    """In place of a client: servers a and b take turns; each tenth answer is slow."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self.orders: list[tuple[str, ...]] = []

    async def fetch(self, order: Sequence[str]) -> Answer:
        self.orders.append(tuple(order))
        number = next(self._numbers)
        return Answer(order[0], "ab"[number % 2], 200, 0, 0.001 if number % 10 else 0.6)


async def test_each_client_sends_its_volume_through_a_node_of_its_own() -> None:
    turns, tally, ended = Turns(), Tally(), []
    results = await play(turns, ["n1", "n2"], [30, 10], tally, lambda: ended.append(1))
    assert {name: len(latencies) for name, latencies in results.by_client.items()} == {
        "client0": 30,
        "client1": 10,
    }
    assert set(turns.orders) == {("n1", "n2"), ("n2", "n1")}
    assert tally.by_server == {"a": 20, "b": 20}
    assert len(ended) == 40
    assert results.slow == 4


async def test_the_report_names_shares_latencies_and_slow_requests() -> None:
    results = await play(Turns(), ["n1"], [10], Tally(), lambda: None)
    paper = io.StringIO()
    show(Console(file=paper, width=200), results, {"a": 0.5, "b": 0.5}, 1)
    assert (
        "10 requests, 0 failed; 1 took longer than 500 ms; each server within less than 2" in paper.getvalue()
    )


def test_the_bound_is_two_requests_a_node() -> None:
    halves = {"a": 0.5, "b": 0.5}
    assert within_bound({"a": 51, "b": 49}, halves, nodes=1)
    assert not within_bound({"a": 52, "b": 48}, halves, nodes=1)
    assert within_bound({"a": 52, "b": 48}, halves, nodes=2)
    assert not within_bound({"b": 100}, halves, nodes=2)


def test_the_scenario_is_ten_clients_with_44000_requests() -> None:
    assert (len(VOLUMES), sum(VOLUMES)) == (10, 44_000)
