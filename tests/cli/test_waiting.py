"""A change is done when every live node serves it and nothing is open on the server any more."""

from __future__ import annotations

import asyncio

import pytest
from fakeredis import FakeServer

from cluster_lb.cli import waiting
from cluster_lb.cli.waiting import wait_for_nodes
from cluster_lb.errors import ClusterLBError
from cluster_lb.model.address import Address
from cluster_lb.model.availability import AdminState
from cluster_lb.model.server import ServerRecord
from cluster_lb.store.loads import Loads
from cluster_lb.store.registry import Registry
from tests.doubles.fake_redis import store_on

LEASE_MS = 60_000


@pytest.fixture
async def store():
    server = FakeServer()
    async with store_on(server) as store:
        yield store


@pytest.fixture
async def registry(store):
    """Pool web with s1, which is to drain."""
    registry = Registry(store)
    await registry.register("web", ServerRecord("s1", Address("10.0.0.1", 80)), LEASE_MS)
    await registry.set_admin_state("web", "s1", AdminState.DRAIN)
    return registry


async def epoch(registry) -> int:
    return (await registry.read_pool("web")).epoch


async def test_with_no_live_node_there_is_nothing_to_wait_for(registry):
    await wait_for_nodes(registry, "web", "s1", 0, must_empty=True)


async def test_it_waits_for_each_node_and_for_the_last_open_attempt(registry, store):
    now = await epoch(registry)
    loads = {node: Loads(store) for node in ("n1", "n2")}
    await loads["n1"].publish("web", "n1", LEASE_MS, now, {"s1": 2})
    await loads["n2"].publish("web", "n2", LEASE_MS, now - 1, {})
    waiting = asyncio.ensure_future(wait_for_nodes(registry, "web", "s1", 30, must_empty=True))
    await asyncio.wait([waiting], timeout=0.3)
    assert not waiting.done()
    await loads["n2"].publish("web", "n2", LEASE_MS, now, {})
    await asyncio.wait([waiting], timeout=0.3)
    assert not waiting.done()
    await loads["n1"].publish("web", "n1", LEASE_MS, now, {})
    await waiting


@pytest.fixture
def no_patience(monkeypatch):
    """Nodes that are away are dead at once."""
    monkeypatch.setattr(waiting, "_RETURN_S", 0.0)


async def is_told_of(registry, store, forget) -> bool:
    """Whether it still waits for what two nodes have open when Redis is away, and n2 returns first."""
    now = await epoch(registry)
    for node in ("n1", "n2"):
        await Loads(store).publish("web", node, LEASE_MS, now, {"s1": 1})
    waits = asyncio.ensure_future(wait_for_nodes(registry, "web", "s1", 30, must_empty=True))
    await asyncio.wait([waits], timeout=0.3)
    await forget()
    await asyncio.wait([waits], timeout=0.3)
    await Loads(store).publish("web", "n2", LEASE_MS, now, {})
    await asyncio.wait([waits], timeout=0.3)
    done = waits.done()
    await Loads(store).publish("web", "n1", LEASE_MS, now, {})
    await waits
    return not done


async def test_it_waits_for_nodes_whose_lease_ended_while_redis_was_away(registry, store):
    async def end() -> None:
        for node in ("n1", "n2"):
            await store.call("ZADD", "lb:{web}:nodes", 1, node)

    assert await is_told_of(registry, store, end)


async def test_it_waits_for_nodes_that_redis_forgot(registry, store):
    async def forget() -> None:
        await store.call("DEL", "lb:{web}:nodes", "lb:{web}:seen", "lb:{web}:load")

    assert await is_told_of(registry, store, forget)


async def test_what_begins_after_an_outage_waits_for_the_nodes_to_return(registry, store):
    for node in ("n1", "n2"):
        await Loads(store).publish("web", node, LEASE_MS, await epoch(registry), {"s1": 1})
        await store.call("ZADD", "lb:{web}:nodes", 1, node)
    with pytest.raises(ClusterLBError, match="n1, n2 did not take up the change"):
        await wait_for_nodes(registry, "web", "s1", 0, must_empty=True)


@pytest.mark.usefixtures("no_patience")
async def test_it_does_not_wait_for_dead_nodes(registry, store):
    await Loads(store).publish("web", "n1", LEASE_MS, await epoch(registry), {"s1": 1})
    await store.call("ZADD", "lb:{web}:nodes", 1, "n1")
    await wait_for_nodes(registry, "web", "s1", 0, must_empty=True)


async def test_at_the_deadline_it_says_what_is_missing(registry, store):
    now = await epoch(registry)
    await Loads(store).publish("web", "n1", LEASE_MS, now - 1, {"s1": 3})
    with pytest.raises(ClusterLBError) as late:
        await wait_for_nodes(registry, "web", "s1", 0, must_empty=True)
    assert str(late.value) == "web/s1: after 0 s: n1 did not take up the change, 3 still open"


async def test_what_is_open_does_not_matter_where_the_server_stays(registry, store):
    await Loads(store).publish("web", "n1", LEASE_MS, await epoch(registry), {"s1": 3})
    await wait_for_nodes(registry, "web", "s1", 0, must_empty=False)
