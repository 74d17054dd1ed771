"""Two nodes hold one limit together; without Redis each does what the limit's setting says."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

import aiohttp
import pytest

from cluster_lb.model.rate_limit import OnLoss
from cluster_lb.settings.schema import RouteSettings
from tests.doubles.real_cluster import RealCluster, backends, real_cluster
from tests.doubles.redis_servers import ask
from tests.doubles.waiting import eventually

pytestmark = pytest.mark.cluster

EACH = 200  # requests through each node


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    with real_cluster(tmp_path_factory.mktemp("cluster"), ["n1", "n2"]) as running:
        yield running


async def limited(cluster: RealCluster, on_redis_loss: OnLoss) -> RouteSettings:
    """A limit of 100 an hour on every node, unused so far."""
    route = RouteSettings.model_validate(
        {
            "pool": "web",
            "rate_limits": [
                {
                    "name": on_redis_loss,
                    "key": "all",
                    "requests": 100,
                    "window_s": 3600,
                    "on_redis_loss": on_redis_loss,
                }
            ],
        }
    )
    await cluster.configure(routes=[route])
    for node in cluster.nodes.values():
        await eventually(lambda node=node: metric(node.admin, f'keys{{limit="{on_redis_loss}"}}'))
    return route


async def metric(admin: int, sample: str) -> str:
    """The line of a rate limit's sample; empty without one."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{admin}/metrics") as response,
    ):
        lines = (await response.text()).splitlines()
    return next((line for line in lines if line.startswith(f"cluster_lb_rate_limit_{sample}")), "")


async def statuses(cluster: RealCluster) -> Counter[int]:
    """What `EACH` requests through each node, mixed, are answered."""
    found: Counter[int] = Counter()

    async def one_client(session: aiohttp.ClientSession, url: str) -> None:
        for _ in range(EACH // 4):
            async with session.get(url) as response:
                found[response.status] += 1
                assert (response.status == 200) == ("Retry-After" not in response.headers)

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(
            *(one_client(session, node.url) for node in cluster.nodes.values() for _ in range(4))
        )
    return found


async def test_both_nodes_together_let_pass_what_the_limit_allows(cluster: RealCluster) -> None:
    async with backends(cluster.redis.url, {"a": 1, "b": 1}):
        await cluster.ready("a", "b")
        [limit] = (await limited(cluster, "local")).limits()
        found = await statuses(cluster)
        assert found.keys() == {200, 429}
        assert 100 <= found[200] <= 100 + limit.slack(2) + 1
        assert ask(cluster.redis.port, "EXISTS", "lb:rate:local:") == "1"
        assert (await statuses(cluster)).keys() <= {200, 429}
        assert found[200] + (await statuses(cluster))[200] <= 100 + limit.slack(2) + 5


@pytest.mark.parametrize(("mode", "expected"), [("open", {200}), ("closed", {503}), ("local", {200, 429})])
async def test_while_redis_is_frozen_the_setting_decides(
    cluster: RealCluster, mode: OnLoss, expected: set[int]
) -> None:
    async with backends(cluster.redis.url, {"a": 1, "b": 1}):
        await cluster.ready("a", "b")
        await limited(cluster, mode)
        cluster.redis.freeze()
        try:
            for node in cluster.nodes.values():
                await eventually(lambda node=node: is_cut_off(node.admin))
            found = await statuses(cluster)
        finally:
            cluster.redis.thaw()
        assert found.keys() == expected
        if mode == "local":
            assert 98 <= found[200] <= 102
        await eventually(lambda: shared_again(cluster))


async def is_cut_off(admin: int) -> bool:
    """Whether the node has noticed: nothing waits for Redis any more."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{admin}/metrics") as response,
    ):
        return "cluster_lb_store_up 0.0" in await response.text()


async def shared_again(cluster: RealCluster) -> bool:
    async with aiohttp.ClientSession() as session:
        for node in cluster.nodes.values():
            async with session.get(node.url) as response:
                if response.status == 503:
                    return False
    return True
