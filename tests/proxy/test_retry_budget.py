"""How many retries there may be."""

from __future__ import annotations

import pytest

from cluster_lb.proxy.retry_budget import WINDOW_S, RetryBudget


def spent(budget: RetryBudget, wanted: int) -> int:
    return sum(budget.spend() for _ in range(wanted))


def test_without_requests_there_is_the_floor_over_the_window():
    budget = RetryBudget(0.2, 3, now=0)
    assert spent(budget, 100) == 3 * WINDOW_S
    assert (budget.spent, budget.denied) == (30, 70)


def test_a_share_of_the_requests_comes_on_top():
    budget = RetryBudget(0.2, 3, now=0)
    budget.on_tick(0.25, 1000)
    assert spent(budget, 1000) == 30 + 200


def test_what_was_spent_comes_back_with_time():
    budget = RetryBudget(0.2, 3, now=0)
    for second in range(40):
        budget.on_tick(second, 0)
        assert 0 <= spent(budget, 100) <= 30
    assert 3 * 40 <= budget.spent <= 3 * 40 + 30


def test_requests_of_long_ago_give_no_right():
    budget = RetryBudget(0.2, 0, now=0)
    budget.on_tick(0.5, 1000)
    for second in range(1, 13):
        budget.on_tick(second, 1000)
    assert spent(budget, 10) == 0


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_share_may_change(share):
    budget = RetryBudget(0.2, 0, now=0)
    budget.on_tick(0.25, 10)
    budget.share = share
    assert spent(budget, 100) == 10 * share
