"""The cluster's configuration: seeded once, replaced on demand."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cluster_lb.settings.routes import RouteSettings
from cluster_lb.settings.schema import PoolSettings
from cluster_lb.store.client import Store
from cluster_lb.store.pools import PoolConfigs, parse_routes
from cluster_lb.store.registry import Registry
from tests.doubles.keyspace import hash_at, hearing, record

WEB = RouteSettings(pool="web")
API = RouteSettings(host="api.example", path_prefix="/v1", pool="api")
WHOLE = RouteSettings.model_validate(
    {
        "name": "whole",
        "priority": 3,
        "host": "*.example.com",
        "path_regex": "/u/[0-9]+",
        "methods": ["GET"],
        "headers": {"x-a": "1", "x-b": {"present": True}, "x-c": {"regex": "a+"}},
        "pools": {"web": 95, "canary": 5},
        "strip_prefix": "/u",
        "request_headers": {"set": {"x-d": "{client}"}, "remove": ["x-e"]},
        "timeouts": {"response_s": 1.5},
        "max_body_bytes": 0,
        "mirror": "shadow",
        "mirror_percent": 12.5,
    }
)


def pool(**fields: Any) -> PoolSettings:
    return PoolSettings.model_validate(fields)


@pytest.fixture
def configs(store: Store) -> PoolConfigs:
    return PoolConfigs(store)


async def settings_of(store: Store, name: str) -> tuple[PoolSettings, int]:
    reading = await Registry(store).read_pool(name)
    assert reading is not None
    return reading.settings, reading.revision


async def test_seed_writes_what_the_cluster_does_not_have(store: Store, configs: PoolConfigs) -> None:
    wanted = pool(policy="round_robin", allow=["10.0.0.0/8"], health={"kind": "http", "interval_s": 0.5})
    async with hearing(store) as heard:
        assert await configs.seed({"web": wanted}, [WEB]) == []
        assert await heard.all() == [
            {"pool": "web", "epoch": 1, "what": "config", "server": ""},
            {"pool": "", "epoch": 1, "what": "routes", "server": ""},
        ]
    assert await settings_of(store, "web") == (wanted, 1)
    fields = await hash_at(store, "lb:{web}:config")
    assert fields["health.interval_s"] == "0.5"
    assert fields["allow"] == '["10.0.0.0/8"]'
    assert await configs.routes() == (1, (WEB,))
    assert await store.call("SMEMBERS", "lb:pools") == {"web"}


async def test_seed_leaves_what_is_there_and_says_how_it_differs(store: Store, configs: PoolConfigs) -> None:
    await configs.seed({"web": pool(attempts=2)}, [WEB])
    async with hearing(store) as heard:
        differences = await configs.seed({"web": pool(attempts=5, health={"path": "/up"})}, [API])
        assert await heard.all() == []
    assert differences == [
        "pools.web.attempts: 2 -> 5",
        "pools.web.health.path: / -> /up",
        "routes: '*/' to web: removed",
        "routes: 'api.example/v1' to api: new",
    ]
    assert await settings_of(store, "web") == (pool(attempts=2), 1)
    assert await configs.routes() == (1, (WEB,))


async def test_seed_configures_a_pool_that_only_registrations_made(
    store: Store, configs: PoolConfigs
) -> None:
    await Registry(store).register("web", record("a"))
    before = (await hash_at(store, "lb:{web}:config"))["created_ms"]
    assert await configs.seed({"web": pool(attempts=2)}, []) == []
    assert await settings_of(store, "web") == (pool(attempts=2), 1)
    assert (await hash_at(store, "lb:{web}:config"))["created_ms"] == before


async def test_apply_replaces_and_prints_what_changed(store: Store, configs: PoolConfigs) -> None:
    await configs.seed({"web": pool(attempts=2), "old": pool(attempts=4)}, [WEB])
    differences = await configs.apply({"web": pool(attempts=5), "api": pool()}, [API])
    assert differences == [
        "pools.old.attempts: 4 -> 3",
        "pools.web.attempts: 2 -> 5",
        "pools.api: new",
        "routes: '*/' to web: removed",
        "routes: 'api.example/v1' to api: new",
    ]
    assert await settings_of(store, "web") == (pool(attempts=5), 2)
    assert await settings_of(store, "old") == (pool(), 2)
    assert await configs.routes() == (2, (API,))


async def test_apply_of_what_is_in_force_changes_nothing(store: Store, configs: PoolConfigs) -> None:
    await configs.apply({"web": pool(attempts=5)}, [API])
    async with hearing(store) as heard:
        assert await configs.apply({"web": pool(attempts=5)}, [API]) == []
        assert await heard.all() == []


async def test_of_nodes_that_seed_at_once_the_first_one_holds(real_store: Store) -> None:
    configs = PoolConfigs(real_store)
    await asyncio.gather(*(configs.seed({"web": pool(attempts=n)}, [WEB]) for n in range(1, 9)))
    assert (await settings_of(real_store, "web"))[1] == 1
    assert (await configs.routes())[0] == 1


async def test_routes_are_restored_to_a_redis_that_has_older_ones_only(
    store: Store, configs: PoolConfigs
) -> None:
    await configs.restore_routes(7, [WEB])
    assert await configs.routes() == (7, (WEB,))
    await configs.restore_routes(5, [API])
    assert await configs.routes() == (7, (WEB,))


async def test_a_route_with_everything_comes_back_as_it_was(store: Store, configs: PoolConfigs) -> None:
    await configs.apply({}, [WHOLE])
    assert await configs.routes() == (1, (WHOLE,))
    assert '"path_prefix"' not in await store.call("GET", "lb:routes")  # only what is not the default


async def test_the_revision_is_read_without_the_table(store: Store, configs: PoolConfigs) -> None:
    assert await configs.routes_revision() == 0
    for revision, routes in ((1, [WEB]), (2, [WEB, API]), (3, [])):
        await configs.apply({}, routes)
        assert await configs.routes_revision() == revision
    await store.call("SET", "lb:routes", "garbage")
    assert await configs.routes_revision() == 0


@pytest.mark.parametrize(
    "text",
    [
        None,
        "garbage",
        "[]",
        '{"revision":1}',
        '{"revision":1,"routes":[{"host":1}]}',
        '{"revision":1e999,"routes":[]}',
    ],
)
def test_a_routing_table_that_is_none_reads_as_none(text: str | None) -> None:
    assert parse_routes(text) == (0, ())
