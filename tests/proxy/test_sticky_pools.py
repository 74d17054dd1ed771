"""What is offered to the pools of a node reaches the data path whole."""

from __future__ import annotations

import pytest

from cluster_lb.clock import SystemClock
from cluster_lb.model.address import Address
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.proxy.pools import LivePools
from cluster_lb.proxy.ticker import Ticker
from cluster_lb.settings.schema import PoolSettings
from tests.proxy.conftest import CountedTickets

STICKY = PoolSettings.model_validate({"sticky": {"cookie": "node"}})
SECRET = "a secret of sixteen or more"


@pytest.fixture
def pools() -> LivePools:
    return LivePools(Ticker(SystemClock()), lambda pool: CountedTickets())


def snapshot(epoch: int, *ids: str, secrets: tuple[str, ...] = ()) -> Snapshot:
    servers = tuple(Server(server_id, Address("127.0.0.1", 9001)) for server_id in ids)
    return Snapshot("web", epoch, "round_robin", 0.5, servers, sticky_secrets=secrets)


async def test_of_what_was_offered_the_newest_is_adopted(pools):
    for epoch in (1, 2, 3):
        pools.offer(snapshot(epoch, "a", "b"), PoolSettings())
    adopted = []
    pools.on_adopted.append(lambda pool: adopted.append(pool.epoch))
    await pools.offers.adopt_all()
    assert (adopted, list(pools.ensure("web").servers)) == ([3], ["a", "b"])


async def test_a_pool_is_sticky_from_its_first_secret_on_until_it_is_told_otherwise(pools):
    web = pools.ensure("web")
    for epoch, settings, secrets, sticky in [
        (1, STICKY, (), False),
        (2, STICKY, (SECRET,), True),
        (3, PoolSettings(), (), False),
    ]:
        pools.offer(snapshot(epoch, "a", secrets=secrets), settings)
        await pools.offers.adopt_all()
        assert (web.sticky is not None) is sticky
