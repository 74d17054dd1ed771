"""Measured shares are counted from the last change of the exact ones on."""

from __future__ import annotations

import pytest

from cluster_lb.demo.shares import Shares
from cluster_lb.demo.watch import Sight


def _sight(**shares: float) -> Sight:
    return Sight(servers={name: {"share": share} for name, share in shares.items()})


def test_what_was_served_before_a_change_does_not_count() -> None:
    shares = Shares()
    shares.observe(_sight(a=1.0), {"a": 10})
    shares.observe(_sight(a=0.5, b=0.5), {"a": 100})
    shares.observe(_sight(a=0.5, b=0.5), {"a": 106, "b": 4})
    assert shares.of("a") == (pytest.approx(0.6), 0.5)
    assert shares.of("b") == (pytest.approx(0.4), 0.5)


def test_a_server_that_is_not_there_has_no_share() -> None:
    shares = Shares()
    assert shares.of("a") == (0.0, 0.0)
