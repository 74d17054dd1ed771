"""Shares of several pools."""

from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from cluster_lb.routing.spread import spread


def test_one_in_twenty_is_one_in_any_twenty():
    turns = list(islice(spread({"stable": 95, "canary": 5}), 100))
    assert {turns[begin : begin + 20].count("canary") for begin in range(81)} == {1}


def test_turns_begin_where_they_are_told_and_go_on_as_ever():
    weights = {"stable": 3, "canary": 1}
    order = list(islice(spread(weights), 4))
    begun = [list(islice(spread(weights, begin), 8)) for begin in (0.0, 0.25, 0.5, 0.999)]
    assert begun == [(order[turn:] + order[:turn]) * 2 for turn in range(4)]


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 20), min_size=1).filter(
        lambda w: any(w.values())
    ),
    st.floats(0, 1, exclude_max=True),
)
def test_every_period_has_the_exact_shares(weights, begin):
    total = sum(weights.values())
    turns = list(islice(spread(weights, begin), 2 * total))
    for period in (turns[:total], turns[total:]):
        assert {name: period.count(name) for name in weights} == weights
