"""When to read which pool."""

from __future__ import annotations

import pytest

from cluster_lb.store.pacing import Pacing


def test_the_first_read_is_due_at_once_and_once() -> None:
    pacing = Pacing()
    assert pacing.delay_s(0.0) is None
    pacing.want("b")
    pacing.want("a")
    assert pacing.delay_s(0.0) == 0
    assert pacing.due(0.0) == ["a", "b"]
    assert pacing.due(9.0) == []


def test_the_next_one_waits_for_the_gap_and_is_not_lost() -> None:
    pacing = Pacing()
    pacing.was_read("a", began=1.0, ended=1.001)
    pacing.want("a")
    assert pacing.due(1.005) == []
    assert pacing.delay_s(1.005) == pytest.approx(0.015)
    assert pacing.due(1.02) == ["a"]


def test_a_slow_read_is_followed_by_a_longer_gap() -> None:
    pacing = Pacing()
    pacing.was_read("a", began=1.0, ended=1.1)
    pacing.want("a")
    assert pacing.due(1.49) == []
    assert pacing.due(1.51) == ["a"]


def test_one_pool_does_not_hold_up_another() -> None:
    pacing = Pacing()
    pacing.was_read("a", began=1.0, ended=1.0)
    pacing.want("a")
    pacing.want("b")
    assert pacing.due(1.0) == ["b"]
