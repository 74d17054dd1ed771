"""How an agent's word changes a weight."""

from __future__ import annotations

import pytest

from cluster_lb.model.advice import Advice


@pytest.mark.parametrize(
    ("advice", "weight", "holds"),
    [
        (Advice(), 10, 10),
        (Advice(percent=75), 100, 75),
        (Advice(percent=75), 1, 1),  # the least that is not nothing
        (Advice(percent=1), 10, 1),
        (Advice(percent=0), 10, 0),
        (Advice(percent=50), 0, 0),
        (Advice(percent=200), 10, 20),
        (Advice(percent=10_000), 10, 256),
        (Advice(weight=30), 10, 30),
        (Advice(weight=0), 10, 0),
        (Advice(weight=999), 10, 256),
    ],
)
def test_what_holds_in_place_of_a_weight(advice: Advice, weight: int, holds: int) -> None:
    assert advice.weigh(weight, largest=256) == holds


@pytest.mark.parametrize(
    ("maxconn", "configured", "holds"),
    [(None, 0, 0), (None, 8, 8), (0, 8, 8), (5, 0, 5), (5, 8, 5), (9, 8, 8)],
)
def test_the_lower_of_two_limits_holds(maxconn: int | None, configured: int, holds: int) -> None:
    assert Advice(maxconn=maxconn).bound(configured) == holds
