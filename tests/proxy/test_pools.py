"""The pools of a node: the newest snapshot is adopted, compiled for where the node is."""

from __future__ import annotations

import pytest

from cluster_lb.clock import SystemClock
from cluster_lb.model.address import Address
from cluster_lb.model.locality import Locality
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.proxy.pool import LivePool
from cluster_lb.proxy.pools import LivePools
from cluster_lb.proxy.ticker import Ticker
from cluster_lb.settings.schema import PoolSettings

SERVERS = tuple(
    Server(f"{zone}{n}", Address("127.0.0.1", 9001), zone=zone) for zone in "ab" for n in range(2)
)


class HeardTickets:
    """Keeps the (epoch, period) that it was told."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, int]] = []

    def take(self) -> int:
        return 0

    def adopt(self, epoch: int, period: int) -> None:
        self.heard.append((epoch, period))


@pytest.fixture
def tickets() -> dict[str, HeardTickets]:
    return {}


@pytest.fixture
def pools(tickets) -> LivePools:
    return LivePools(Ticker(SystemClock()), lambda name: tickets.setdefault(name, HeardTickets()))


@pytest.fixture
def adopted(pools) -> list[LivePool]:
    adopted: list[LivePool] = []
    pools.on_adopted.append(adopted.append)
    return adopted


def offer(pools: LivePools, epoch: int, name: str = "web", zones_from: int = 0) -> None:
    pools.offer(Snapshot(name, epoch, "round_robin", 0.5, SERVERS, zones_from=zones_from), PoolSettings())


def picked(pool: LivePool, count: int = 400) -> dict[str, int]:
    picks = [pool.pick(number).id[0] for number in range(count)]
    return {zone: picks.count(zone) for zone in sorted(set(picks))}


async def test_the_newest_snapshot_is_adopted_once(pools, adopted, tickets):
    offer(pools, 1)
    offer(pools, 2)
    await pools.offers.adopt_all()
    await pools.offers.adopt_all()
    assert [pool.epoch for pool in adopted] == [2]
    assert tickets["web"].heard == [(2, 4)]


async def test_who_is_where_decides_how_much_stays_in_the_zone(pools, adopted, tickets):
    pools.move(Locality("a", {"a": 1, "b": 1}))
    offer(pools, 1, zones_from=2)
    await pools.offers.adopt_all()
    assert picked(adopted[0]) == {"a": 400}
    pools.move(Locality("a", {"a": 2}))
    await pools.offers.adopt_all()
    assert picked(adopted[1]) == {"a": 200, "b": 200}
    assert tickets["web"].heard == [(1, 0), (1, 0)]


async def test_the_same_again_and_pools_without_zones_are_not_compiled_anew(pools, adopted):
    pools.move(Locality("a", {"a": 1}))
    offer(pools, 1, zones_from=2)
    offer(pools, 1, "other")
    await pools.offers.adopt_all()
    del adopted[:]
    pools.move(Locality("a", {"a": 1}))
    await pools.offers.adopt_all()
    assert adopted == []
    pools.move(Locality("a", {"a": 1, "b": 1}))
    await pools.offers.adopt_all()
    assert [pool.name for pool in adopted] == ["web"]


async def test_a_move_keeps_what_servers_count_and_how_they_are_spoken_to(pools, adopted):
    offer(pools, 1, zones_from=2)
    pools.move(Locality("a", {"a": 1}))
    await pools.offers.adopt_all()
    before = dict(pools.by_name["web"].servers)
    pools.move(Locality("a", {"a": 1, "b": 1}))
    await pools.offers.adopt_all()
    assert pools.by_name["web"].servers == before
