"""Mixed numbers look like random ones."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cluster_lb.picking.mixing import mixed


@given(st.integers(0, 2**64 - 1), st.integers(0, 63))
def test_one_bit_changes_many(number, bit):
    changed = mixed(number) ^ mixed(number ^ (1 << bit))
    assert 8 <= changed.bit_count() <= 56


def test_is_splitmix64():
    # Its first outputs for the seed 0, as published with the reference code in C: the state is the number
    # before, plus the constant that is added here too.
    step = 0x9E3779B97F4A7C15
    assert [mixed(step * turn % 2**64) for turn in range(3)] == [
        0xE220A8397B1DCDAF,
        0x6E789E6AA1B965F4,
        0x06C45D188009454F,
    ]


def test_numbers_that_follow_one_another_do_not_meet():
    number, seen = 1, set()
    for _ in range(10_000):
        number = mixed(number)
        seen.add(number)
    assert len(seen) == 10_000
