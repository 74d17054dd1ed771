"""Policies that go by chance keep to the weights on average, whichever node draws."""

from __future__ import annotations

from math import sqrt

import pytest

from cluster_lb.settings.policies import PolicyName
from tests.doubles.real_cluster import RealCluster, backends

pytestmark = pytest.mark.cluster

REQUESTS = 400


@pytest.fixture(scope="module")
def cluster(pair: RealCluster) -> RealCluster:
    return pair


@pytest.mark.parametrize(("policy", "share"), [("random", 1 / 2), ("weighted_random", 3 / 4)])
async def test_shares_are_right_on_average(cluster: RealCluster, policy: PolicyName, share: float) -> None:
    await cluster.configure(policy=policy)
    async with backends(cluster.redis.url, {"heavy": 3, "light": 1}):
        await cluster.ready("heavy", "light")
        served = await cluster.send({"n1": REQUESTS * 3 // 4, "n2": REQUESTS // 4})
    assert served.total() == REQUESTS
    five_deviations = 5 * sqrt(REQUESTS * share * (1 - share))
    assert served["heavy"] == pytest.approx(REQUESTS * share, abs=five_deviations)
