"""A node's place among the others."""

from __future__ import annotations

import pytest

from cluster_lb.model.place import Place


@pytest.mark.parametrize(
    ("members", "place"),
    [
        (["a", "b", "c"], Place(1, 3)),
        (["c", "b", "a"], Place(1, 3)),
        (["a", "c"], Place(1, 3)),  # it is not known yet
        ([], Place(0, 1)),
    ],
)
def test_a_node_is_counted_among_all_in_the_order_of_their_ids(members, place):
    assert Place.of("b", members) == place
