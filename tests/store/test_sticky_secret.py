"""The secret of sticky cookies: one for the whole cluster, kept through everything, shown nowhere."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from cluster_lb.admin.resources import pool_json
from cluster_lb.settings.schema import PoolSettings
from cluster_lb.store.client import Store
from cluster_lb.store.pools import PoolConfigs
from cluster_lb.store.readings import PoolReading
from cluster_lb.store.registry import Registry
from cluster_lb.store.sticky_secret import make_secret, needs_secret
from cluster_lb.store.view import View
from tests.doubles.keyspace import epoch_of, hash_at, hearing, key_names, record

ONE, TWO, THREE = "the first secret of three", "the second secret of three", "the third secret of three"


def sticky(**fields: Any) -> dict[str, PoolSettings]:
    return {"web": PoolSettings.model_validate({"sticky": fields})}


async def reading_of(store: Store) -> PoolReading:
    reading = await Registry(store).read_pool("web")
    assert reading is not None
    return reading


async def secrets_of(store: Store) -> tuple[str, ...]:
    return (await reading_of(store)).snapshot.sticky_secrets


async def test_the_first_of_many_makes_the_secret_and_all_read_it(store: Store) -> None:
    await PoolConfigs(store).apply(sticky(), [])
    assert needs_secret(await reading_of(store))
    async with hearing(store) as heard:
        await asyncio.gather(*(make_secret(store, "web") for _ in range(20)))
        assert await heard.all() == [{"pool": "web", "epoch": 2, "what": "config", "server": ""}]
    (secret,) = await secrets_of(store)
    assert len(secret) >= 43  # 256 bits
    assert not needs_secret(await reading_of(store))
    await make_secret(store, "web")
    assert (await secrets_of(store), await epoch_of(store)) == ((secret,), 2)


async def test_a_pool_that_is_not_there_is_not_made(store: Store) -> None:
    await make_secret(store, "web")
    assert await key_names(store) == set()


async def test_a_view_makes_it_when_a_pool_needs_one_and_only_then(store: Store) -> None:
    await PoolConfigs(store).apply({"web": PoolSettings()}, [])
    view = View(store, "n1")
    await view.resync()
    assert "sticky_secret" not in await hash_at(store, "lb:{web}:config")
    await PoolConfigs(store).apply(sticky(), [])
    await view.resync()
    await view.resync()
    assert view.readings["web"].snapshot.sticky_secrets == await secrets_of(store) != ()


async def test_it_stays_when_settings_change_and_when_cookies_are_off_for_a_while(store: Store) -> None:
    await PoolConfigs(store).apply(sticky(), [])
    await make_secret(store, "web")
    before = await secrets_of(store)
    await PoolConfigs(store).apply({"web": PoolSettings()}, [])
    assert await secrets_of(store) == ()
    await PoolConfigs(store).apply(sticky(path="/app"), [])
    assert await secrets_of(store) == before


async def test_an_operators_secret_signs_and_the_one_before_is_still_taken(store: Store) -> None:
    configs = PoolConfigs(store)
    await configs.apply(sticky(), [])
    await make_secret(store, "web")
    (made,) = await secrets_of(store)
    for secret, expected in [
        (ONE, (ONE, made)),
        (ONE, (ONE, made)),
        (TWO, (TWO, ONE)),
        (THREE, (THREE, TWO)),
        ("", (made, THREE)),
        (made, (made, THREE)),
    ]:
        await configs.apply(sticky(secret=secret, lifetime_s=len(secret)), [])
        assert await secrets_of(store) == expected


async def test_an_operators_first_secret_has_none_before_it(store: Store) -> None:
    await PoolConfigs(store).apply(sticky(secret=ONE), [])
    assert await secrets_of(store) == (ONE,)
    assert not needs_secret(await reading_of(store))


async def test_no_secret_is_in_the_answers_of_the_api_or_in_the_differences(store: Store) -> None:
    configs = PoolConfigs(store)
    lines = await configs.apply(sticky(secret=ONE), [])
    lines += await configs.seed(sticky(secret=TWO), [])
    lines += await configs.apply(sticky(secret=TWO), [])
    await make_secret(store, "web")
    reading = await reading_of(store)
    told = "\n".join([*lines, json.dumps(pool_json(reading)), repr(reading)])
    fields = await hash_at(store, "lb:{web}:config")
    for secret in (ONE, TWO, fields["sticky_secret"]):
        assert secret not in told
    assert "pools.web.sticky.secret: ********** -> **********" in lines


async def test_a_redis_that_forgot_it_gets_it_back(store: Store) -> None:
    await PoolConfigs(store).apply(sticky(), [])
    await Registry(store).register("web", record("a"))
    view = View(store, "n1")
    await view.resync()
    await view.resync()
    before = await secrets_of(store)
    await store.call("FLUSHALL")
    await view.resync()
    assert await secrets_of(store) == before != ()


async def test_a_younger_secret_gives_way_to_the_one_that_clients_carry(store: Store) -> None:
    await PoolConfigs(store).apply(sticky(), [])
    await make_secret(store, "web")
    knows = View(store, "n1")
    await knows.resync()
    before = await secrets_of(store)
    await store.call("FLUSHALL")
    await PoolConfigs(store).seed(sticky(), [])  # as a node does that starts just now
    await make_secret(store, "web")
    young = View(store, "n2")
    await young.resync()
    assert await secrets_of(store) != before
    await knows.resync()
    await young.resync()
    assert await secrets_of(store) == before
    assert knows.readings["web"].snapshot.sticky_secrets == before
    assert young.readings["web"].snapshot.sticky_secrets == before
