"""How traffic is split among nodes and keys."""

import pytest

from scripts.simulation.traffic import cumulative_shares


def test_without_an_exponent_all_shares_are_alike() -> None:
    assert cumulative_shares(4, 0.0) == [0.25, 0.5, 0.75]


def test_shares_fall_with_their_number() -> None:
    assert cumulative_shares(3, 1.0) == pytest.approx([6 / 11, 9 / 11])
