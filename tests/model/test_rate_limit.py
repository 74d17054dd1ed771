"""How far nodes may go on their own."""

from __future__ import annotations

import pytest

from cluster_lb.model.rate_limit import RateLimit


@pytest.mark.parametrize(
    ("burst", "members", "credit"),
    [
        (1, 1, 1),
        (5, 1, 5),
        (20, 1, 6),
        (100, 1, 25),
        (100, 2, 12),
        (100, 5, 6),
        (100, 20, 5),
        (5, 10, 1),
        (10_000, 4, 625),
    ],
)
def test_the_credit_is_a_quarter_of_a_nodes_share_but_a_small_share_whole(burst, members, credit):
    assert RateLimit("l", burst, 60, burst).credit(members) == credit


def test_a_node_holds_what_the_limit_yields_in_a_tenth_of_a_second_or_a_quarter_of_its_share():
    assert RateLimit("l", 100, 60, 100).most_held(2) == 12
    assert RateLimit("l", 5, 60, 5).most_held(10) == 1
    assert RateLimit("l", 10_000, 1, 2000).most_held(4) == 1000


def test_the_slack_is_the_credit_and_what_is_held_of_each_node():
    assert RateLimit("l", 100, 60, 100).slack(2) == 2 * (12 + 12)
    assert RateLimit("l", 10_000, 1, 2000).slack(4) == 4 * (125 + 1000)


def test_a_token_comes_back_after_its_part_of_the_window():
    assert RateLimit("l", 120, 60, 1).interval_s == 0.5
