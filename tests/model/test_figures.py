"""Which reported values can be true."""

from __future__ import annotations

import math

import pytest

from cluster_lb.model.figures import is_usable


@pytest.mark.parametrize(
    ("name", "value", "usable"),
    [
        ("cpu", 0.0, True),
        ("cpu", 1.0, True),
        ("cpu", 1.01, False),
        ("memory", -0.1, False),
        ("bandwidth", math.nan, False),
        ("load_average", 37.5, True),
        ("load_average", math.inf, False),
        ("in_flight", 1e9, False),
        ("queue", 1e9, True),
        ("queue", math.nan, False),
    ],
)
def test_shares_are_within_0_and_1_and_everything_is_finite(name, value, usable):
    assert is_usable(name, value) is usable
