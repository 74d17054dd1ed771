"""When to read which pool."""

from __future__ import annotations

import pytest

from cluster_lb.store.pacing import Pacing


def all_due(pacing: Pacing, now: float) -> list[str]:
    """The pools to read now, in their order."""
    return list(iter(lambda: pacing.next_due(now), None))  # type: ignore[arg-type]


def read(pacing: Pacing, pool: str, began: float, ended: float) -> None:
    """`pool` is wanted, and read."""
    pacing.want(pool)
    assert pacing.next_due(began) == pool
    pacing.was_read(pool, began, ended)


def test_the_first_read_is_due_at_once_and_once() -> None:
    pacing = Pacing()
    assert pacing.delay_s(0.0) is None
    pacing.want("b")
    pacing.want("a")
    assert pacing.delay_s(0.0) == 0
    assert all_due(pacing, 0.0) == ["b", "a"]
    assert all_due(pacing, 9.0) == []


def test_the_next_one_waits_for_the_gap_and_is_not_lost() -> None:
    pacing = Pacing()
    read(pacing, "a", began=1.0, ended=1.001)
    pacing.want("a")
    assert all_due(pacing, 1.005) == []
    assert pacing.delay_s(1.005) == pytest.approx(0.015)
    assert all_due(pacing, 1.02) == ["a"]


def test_a_slow_read_is_followed_by_a_longer_gap() -> None:
    pacing = Pacing()
    read(pacing, "a", began=1.0, ended=1.1)
    pacing.want("a")
    assert all_due(pacing, 1.49) == []
    assert all_due(pacing, 1.51) == ["a"]


def test_one_pool_does_not_hold_up_another() -> None:
    pacing = Pacing()
    read(pacing, "a", began=1.0, ended=1.0)
    pacing.want("a")
    pacing.want("b")
    assert all_due(pacing, 1.0) == ["b"]


def test_an_urgent_read_comes_before_the_others() -> None:
    pacing = Pacing()
    for pool in "abc":
        pacing.want(pool)
    pacing.want("b", urgent=True)
    assert all_due(pacing, 0.0) == ["b", "a", "c"]


def test_an_urgent_read_waits_for_no_gap_after_others() -> None:
    pacing = Pacing()
    read(pacing, "a", began=1.0, ended=1.1)
    pacing.want("a", urgent=True)
    pacing.want("a")  # it stays urgent, whatever else happens
    assert pacing.delay_s(1.1) == 0
    assert all_due(pacing, 1.1) == ["a"]


def test_a_burst_of_urgent_reads_costs_one_in_each_gap() -> None:
    pacing, reads = Pacing(), 0
    for ms in range(200):
        pacing.want("a", urgent=True)
        if pacing.next_due(ms / 1000):
            pacing.was_read("a", ms / 1000, ms / 1000)
            reads += 1
    assert reads == 10
