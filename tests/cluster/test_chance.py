"""Policies that go by chance keep to the weights on average, whichever node draws."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

import pytest

from cluster_lb.settings.policies import PolicyName
from cluster_lb.settings.schema import HealthSettings, PoolSettings
from cluster_lb.store.client import Store
from cluster_lb.store.pools import PoolConfigs
from tests.doubles.real_cluster import RealCluster, backends, real_cluster

pytestmark = pytest.mark.cluster

REQUESTS = 400
HEALTH = HealthSettings(kind="http", path="/healthz", interval_s=0.2)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    with real_cluster(tmp_path_factory.mktemp("cluster"), ["n1", "n2"]) as running:
        yield running


@pytest.mark.parametrize(("policy", "share"), [("random", 1 / 2), ("weighted_random", 3 / 4)])
async def test_shares_are_right_on_average(cluster: RealCluster, policy: PolicyName, share: float) -> None:
    async with Store.from_url(cluster.redis.url, command_timeout_s=5.0) as store:
        await PoolConfigs(store).apply({"web": PoolSettings(health=HEALTH, policy=policy)}, [])
    async with backends(cluster.redis.url, {"heavy": 3, "light": 1}):
        await cluster.ready("heavy", "light")
        served = await cluster.send({"n1": REQUESTS * 3 // 4, "n2": REQUESTS // 4})
    assert served.total() == REQUESTS
    five_deviations = 5 * sqrt(REQUESTS * share * (1 - share))
    assert served["heavy"] == pytest.approx(REQUESTS * share, abs=five_deviations)
