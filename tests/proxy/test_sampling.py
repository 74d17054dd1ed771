"""Every one has the same chance, whatever comes before."""

from __future__ import annotations

from random import Random

import pytest

from cluster_lb.proxy.sampling import Sampler


@pytest.mark.parametrize("share", [0.001, 0.01, 0.3, 0.5, 0.99])
def test_the_share_is_taken(share):
    sampler = Sampler(share, Random(7))
    count = 200_000
    taken = sum(sampler.takes() for _ in range(count))
    deviation = (count * share * (1 - share)) ** 0.5
    assert abs(taken - count * share) < 4 * deviation


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (1.0, 1000)])
def test_none_and_all(share, expected):
    sampler = Sampler(share, Random(7))
    assert sum(sampler.takes() for _ in range(1000)) == expected


def test_a_period_of_requests_is_not_seen_always_at_the_same_place():
    sampler = Sampler(0.5, Random(7))
    taken = [number % 2 for number in range(20_000) if sampler.takes()]
    assert abs(sum(taken) / len(taken) - 0.5) < 0.02
