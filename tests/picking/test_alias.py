"""Columns hold exactly the weights."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from cluster_lb.picking.alias import alias_columns


@given(st.lists(st.integers(1, 256), max_size=60))
def test_over_all_heights_of_all_columns_each_weight_has_its_exact_share(weights):
    total, area = sum(weights), Counter()
    for column, (kept, alias) in enumerate(alias_columns(weights)):
        assert 0 <= kept <= total
        area[column] += kept
        area[alias] += total - kept
    assert area == {index: weight * len(weights) for index, weight in enumerate(weights)}


def test_equal_weights_need_no_alias():
    assert alias_columns([7] * 4) == [(28, 0), (28, 1), (28, 2), (28, 3)]
