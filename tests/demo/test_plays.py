"""The fixed amount of requests, on a cluster of real processes."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from cluster_lb.demo.plays import play_volumes
from cluster_lb.demo.stage import staged
from cluster_lb.demo.traffic import Tally

pytestmark = pytest.mark.cluster


async def test_clients_of_uneven_volume_give_servers_of_uneven_weight_their_exact_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cluster_lb.demo.plays.VOLUMES", (50, 70, 10))
    paper, tally = io.StringIO(), Tally()
    async with staged(Console(file=paper, width=200), 2, {"s1": 3, "s2": 1}) as stage:
        assert await play_volumes(stage, tally)
    assert (tally.answered, tally.failed) == (130, 0)
    assert "each server within less than 4 of its exact share" in paper.getvalue()
