"""Readings: what Redis holds of a pool, with the foreign and the broken left out and named once."""

from __future__ import annotations

import json

import pytest
from structlog.testing import capture_logs

from cluster_lb.model.availability import AdminState, Health
from cluster_lb.model.verdict import Vote
from cluster_lb.store.client import Store
from cluster_lb.store.readings import PoolReader
from cluster_lb.store.registry import Registry
from cluster_lb.store.verdicts import Verdicts
from tests.doubles.keyspace import record


@pytest.fixture
async def reader(store: Store) -> PoolReader:
    """A pool with the servers a and b."""
    for server in ("b", "a"):
        await Registry(store).register("web", record(server, weight=2, report={"cpu": 0.5}))
    return PoolReader(store)


async def test_a_held_reading_is_returned_as_long_as_it_holds(store: Store, reader: PoolReader) -> None:
    first = await reader.read("web")
    assert first is not None
    assert [server.id for server in first.snapshot.servers] == ["a", "b"]
    assert await reader.read("web", first) is first
    await Registry(store).set_weight("web", "a", 5)
    second = await reader.read("web", first)
    assert second is not None
    assert second.epoch == first.epoch + 1


async def test_the_same_epoch_of_another_origin_is_another_pool(store: Store, reader: PoolReader) -> None:
    first = await reader.read("web")
    await store.call("HSET", "lb:{web}:config", "created_ms", 5)
    second = await reader.read("web", first)
    assert second is not first
    assert second is not None
    assert second.created_ms == 5


async def test_a_server_without_address_is_left_out(store: Store, reader: PoolReader) -> None:
    await store.call("HSET", "lb:{web}:server:a", "address", "nonsense")
    with capture_logs() as logs:
        for _ in range(3):
            reading = await reader.read("web")
            assert reading is not None
            assert [server.id for server in reading.snapshot.servers] == ["b"]
    (entry,) = logs
    assert entry["event"] == "bad contents in redis"
    assert entry["problem"].startswith("server 'a' is left out: address 'nonsense'")


async def test_bad_fields_have_their_defaults(store: Store, reader: PoolReader) -> None:
    bad = {
        "weight": "heavy",
        "percent": "300",
        "report.bandwidth": "-1",
        "report.load_average": "nan",
        "admin_state": "ASLEEP",
        "registered_at_ms": "x",
        "report.cpu": "hot",
        "report.memory": "0.25",
    }
    for name, text in bad.items():
        await store.call("HSET", "lb:{web}:server:a", name, text)
    await store.call("HSET", "lb:{web}:verdicts", "a", '{"health": "MAYBE"}')
    with capture_logs() as logs:
        reading = await reader.read("web")
    assert reading is not None
    server = reading.snapshot.servers[0]
    assert (server.weight, server.effective_weight, server.admin_state) == (1, 1, AdminState.READY)
    assert (server.registered_at_ms, server.report, server.health) == (0, {"memory": 0.25}, Health.NEW)
    assert server.percent == 100
    assert len(logs) == 8


async def test_a_report_that_cannot_be_true_is_named_once_whatever_it_says(
    store: Store, reader: PoolReader
) -> None:
    with capture_logs() as logs:
        for value in "9.5", "17", "-3":
            await store.call("HSET", "lb:{web}:server:a", "report.cpu", value)
            await reader.read("web")
    assert [entry["problem"] for entry in logs] == ["server 'a': report.cpu is ignored: it must be 0..1"]


async def test_with_percents_the_ratios_of_effective_weights_are_those_of_weight_times_percent(
    store: Store, reader: PoolReader
) -> None:
    await store.call("HSET", "lb:{web}:server:a", "percent", "85")
    reading = await reader.read("web")
    assert reading is not None
    assert [(s.weight, s.effective_weight) for s in reading.snapshot.servers] == [(2, 17), (2, 20)]


async def test_a_verdict_from_before_does_not_hold_in_a_pool_without_probes(
    store: Store, reader: PoolReader
) -> None:
    verdict = '{"health": "DOWN", "reason": "L4CON", "authors": ["n1"], "epoch": 1, "at_ms": 1}'
    await store.call("HSET", "lb:{web}:verdicts", "a", verdict)
    reading = await reader.read("web")
    assert reading is not None
    assert reading.snapshot.servers[0].health is Health.DOWN
    await store.call("HSET", "lb:{web}:config", "health.kind", "none")
    reading = await reader.read("web")
    assert reading is not None
    assert reading.snapshot.servers[0].health is Health.NEW


@pytest.mark.parametrize("key", ["server:a", "verdicts", "nodes", "seen", "load"])
async def test_a_key_of_another_type_reads_as_empty(store: Store, reader: PoolReader, key: str) -> None:
    await store.call("DEL", "lb:{web}:" + key)
    await store.call("SET", "lb:{web}:" + key, "garbage")
    reading = await reader.read("web")
    assert reading is not None
    assert "b" in [server.id for server in reading.snapshot.servers]


async def test_an_epoch_that_is_no_number_reads_as_0(store: Store, reader: PoolReader) -> None:
    await store.call("SET", "lb:{web}:epoch", "garbage")
    reading = await reader.read("web")
    assert reading is not None
    assert reading.epoch == 0


async def test_a_thousand_servers_come_in_one_answer(real_store: Store) -> None:
    registry = Registry(real_store)
    await registry.register("web", record("s0", report={"cpu": 0.5}))
    text = json.dumps({"health": "UP", "reason": "ok", "authors": ["n1"], "epoch": 1, "at_ms": 1})
    fields = await real_store.call("HGETALL", "lb:{web}:server:s0")
    flat = [text for pair in fields.items() for text in pair]
    for number in range(1, 1000):
        await real_store.batch(
            [
                ("HSET", f"lb:{{web}}:server:s{number}", *flat),
                ("ZADD", "lb:{web}:servers", 9e12, f"s{number}"),
                ("HSET", "lb:{web}:verdicts", f"s{number}", text),
            ]
        )
    reader = PoolReader(real_store)
    await reader.read("web")  # now the server knows the script
    before = real_store.counters.commands
    reading = await reader.read("web")
    assert reading is not None
    assert len(reading.snapshot.servers) == 1000
    assert real_store.counters.commands - before == 1


async def test_only_readings_for_people_carry_the_votes(store: Store) -> None:
    await Registry(store).register("web", record("a"))
    await Verdicts(store).cast("web", "n1", {"a": Vote(Health.UP, "L4OK")})
    for_people, for_traffic = await Registry(store).read_pool("web"), await PoolReader(store).read("web")
    assert for_people is not None
    assert for_traffic is not None
    assert for_people.votes == {"a": {"n1": Vote(Health.UP, "L4OK")}}
    assert for_traffic.votes == {}


@pytest.mark.parametrize("text", ["garbage", "[]", '{"kind": "x"}'])
async def test_an_ejection_that_is_none_is_ignored_and_named(
    store: Store, reader: PoolReader, text: str
) -> None:
    await store.call("HSET", "lb:{web}:config", "outliers.enabled", "true")
    await store.call("HSET", "lb:{web}:ejections", "b", text)
    with capture_logs() as events:
        reading = await reader.read("web")
    assert reading is not None
    assert not any(server.ejected for server in reading.snapshot.servers)
    assert [event["problem"] for event in events if "ejection of 'b'" in event["problem"]]
