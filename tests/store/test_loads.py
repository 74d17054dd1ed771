"""What nodes report of themselves to a pool."""

from __future__ import annotations

import asyncio

import pytest

from cluster_lb.store.client import Store
from cluster_lb.store.loads import Loads
from cluster_lb.store.registry import Registry
from tests.doubles.keyspace import hash_at, now_ms, record


@pytest.fixture
async def registry(store: Store) -> Registry:
    """Two servers are registered: a and b, at epoch 2."""
    registry = Registry(store)
    for server in ("a", "b"):
        await registry.register("web", record(server))
    return registry


async def test_a_report_renews_the_lease_says_the_epoch_and_counts_what_is_in_flight(
    store: Store, registry: Registry
) -> None:
    assert await Loads(store).publish("web", "n1", 5000, 1, {"a": 3, "b": 0}) == (2, {}, {})
    assert await hash_at(store, "lb:{web}:load") == {"n1/a": "3"}
    assert await hash_at(store, "lb:{web}:seen") == {"n1": "1"}
    left = float(await store.call("ZSCORE", "lb:{web}:nodes", "n1")) - await now_ms(store)
    assert 4000 < left <= 5000


async def test_zeros_leave_no_field(store: Store, registry: Registry) -> None:
    loads = Loads(store)
    await loads.publish("web", "n1", 5000, 1, {"a": 3, "b": 1})
    await loads.publish("web", "n1", 5000, 1, {"b": 2})
    assert await hash_at(store, "lb:{web}:load") == {"n1/b": "2"}
    await loads.publish("web", "n1", 5000, 1, {})
    assert await store.call("EXISTS", "lb:{web}:load") == 0


async def test_a_restarted_node_clears_what_its_former_life_left(store: Store, registry: Registry) -> None:
    await Loads(store).publish("web", "n1", 5000, 1, {"a": 3})
    await Loads(store).publish("web", "n11", 5000, 1, {"a": 4})
    await Loads(store).publish("web", "n1", 5000, 1, {"b": 1})
    assert await hash_at(store, "lb:{web}:load") == {"n11/a": "4", "n1/b": "1"}


async def test_servers_that_are_not_registered_have_no_load(store: Store, registry: Registry) -> None:
    await Loads(store).publish("web", "n1", 5000, 1, {"gone": 3})
    assert await store.call("EXISTS", "lb:{web}:load") == 0


async def test_only_live_nodes_count_in_a_reading(store: Store, registry: Registry) -> None:
    await Loads(store).publish("web", "n1", 5000, 2, {"a": 3})
    await Loads(store).publish("web", "n2", 5000, 1, {"a": 4, "b": 1})
    reading = await registry.read_pool("web")
    assert reading is not None
    assert (reading.in_flight("a"), reading.in_flight("b"), reading.in_flight("c")) == (7, 1, 0)
    assert reading.seen == {"n1": 2, "n2": 1}
    await store.call("ZADD", "lb:{web}:nodes", await now_ms(store), "n2")
    reading = await registry.read_pool("web")
    assert reading is not None
    assert (reading.in_flight("a"), reading.in_flight("b")) == (3, 0)
    assert reading.seen == {"n1": 2}


async def test_a_pool_that_does_not_exist_has_epoch_0(store: Store) -> None:
    assert await Loads(store).publish("none", "n1", 5000, 0, {}) == (0, {}, {})


async def test_many_nodes_at_once_keep_to_their_own_fields(real_store: Store) -> None:
    await Registry(real_store).register("web", record("a"))
    await asyncio.gather(
        *(Loads(real_store).publish("web", f"n{i}", 5000, 1, {"a": i}) for i in range(1, 30))
    )
    assert await hash_at(real_store, "lb:{web}:load") == {f"n{i}/a": str(i) for i in range(1, 30)}


async def test_what_the_other_live_nodes_have_in_flight_is_told_where_it_is_asked_for(
    store: Store, registry: Registry
) -> None:
    for node, loads in {"n1": {"a": 3}, "n2": {"a": 4, "b": 1}, "n3": {"a": 2}, "dead": {"b": 9}}.items():
        await Loads(store).publish("web", node, 5000, 2, loads)
    await store.call("ZADD", "lb:{web}:nodes", 1, "dead")
    loads = Loads(store)
    assert await loads.publish("web", "n1", 5000, 2, {"a": 3}, elsewhere=True) == (2, {"a": 6, "b": 1}, {})
    assert await loads.publish("web", "n1", 5000, 2, {"a": 3}) == (2, {}, {})


async def test_of_the_other_live_nodes_latencies_the_highest_is_told(
    store: Store, registry: Registry
) -> None:
    for node, latencies in {"n1": {"a": 9000}, "n2": {"a": 400, "b": 70}, "n3": {"a": 500}}.items():
        await Loads(store).publish("web", node, 5000, 2, {}, latencies=latencies)
    await Loads(store).publish("web", "dead", 5000, 2, {}, latencies={"b": 9999})
    await store.call("ZADD", "lb:{web}:nodes", 1, "dead")
    assert await hash_at(store, "lb:{web}:latency") == {
        "n1/a": "9000",
        "n2/a": "400",
        "n2/b": "70",
        "n3/a": "500",
        "dead/b": "9999",
    }
    heard = await Loads(store).publish("web", "n1", 5000, 2, {}, latencies={"a": 9000})
    assert heard.latencies == {"a": 500, "b": 70}
    assert "dead/b" not in await hash_at(store, "lb:{web}:latency")
    assert (await Loads(store).publish("web", "n1", 5000, 2, {}, elsewhere=True)).latencies == {}


async def test_a_latency_that_is_forgotten_leaves_no_field_and_all_of_them_end_by_themselves(
    store: Store, registry: Registry
) -> None:
    loads = Loads(store)
    await loads.publish("web", "n1", 5000, 1, {}, latencies={"a": 3, "b": 1, "gone": 7})
    assert 0 < int(await store.call("TTL", "lb:{web}:latency")) <= 30
    await loads.publish("web", "n1", 5000, 1, {}, latencies={"b": 2})
    assert await hash_at(store, "lb:{web}:latency") == {"n1/b": "2"}
    await loads.publish("web", "n1", 5000, 1, {})
    assert await store.call("EXISTS", "lb:{web}:latency") == 0
