"""Percentiles by nearest rank."""

from __future__ import annotations

import pytest

from cluster_lb.demo.latencies import Figures, figures


def test_a_hundred_latencies_in_any_order() -> None:
    found = figures([ms / 1000 for ms in range(100, 0, -1)])
    assert (found.mean, found.p50, found.p95, found.p99, found.max) == pytest.approx((50.5, 50, 95, 99, 100))


def test_one_latency_is_all_of_them() -> None:
    assert figures([0.5]) == Figures(500, 500, 500, 500, 500)
