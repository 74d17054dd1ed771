"""/v1/pools: from Redis while it answers, from the snapshot while it does not, with its age."""

from __future__ import annotations

import math

from cluster_lb.settings.schema import PoolSettings


async def test_a_cluster_without_pools_says_so(client):
    answer = await client.get("/v1/pools")
    assert await answer.json() == {"pools": [], "age_s": 0.0}


async def test_pools_come_in_order_with_settings_and_servers(client, node):
    await node.add("s1", weight=3)
    await node.add("s2", weight=1, port=8001)
    await node.add("a1", pool="api")
    api, web = (await (await client.get("/v1/pools")).json())["pools"]
    assert (api["name"], web["name"]) == ("api", "web")
    assert web["policy"] == "weighted_round_robin"
    assert web["settings"] == PoolSettings().model_dump(mode="json")
    assert [(server["id"], server["share"]) for server in web["servers"]] == [("s1", 0.75), ("s2", 0.25)]
    assert not web["panics"]
    one = await (await client.get("/v1/pools/web")).json()
    assert one["epoch"] == web["epoch"]
    assert one["age_s"] == 0.0


async def test_an_unknown_pool_is_404(client):
    for path in ("/v1/pools/ghost", "/v1/pools/ghost/servers"):
        answer = await client.get(path)
        assert answer.status == 404
        assert "ghost" in (await answer.json())["error"]


async def test_while_redis_is_away_the_snapshot_answers_with_its_age(client, node):
    await node.add("s1")
    node.redis.connected = False
    node.view.age = 12.5
    for path in ("/v1/pools", "/v1/pools/web", "/v1/pools/web/servers"):
        answer = await client.get(path)
        assert answer.status == 200
        assert answer.headers["Age"] == "12"
        assert (await answer.json())["age_s"] == 12.5
    assert [s["id"] for s in (await (await client.get("/v1/pools/web/servers")).json())["servers"]] == ["s1"]


async def test_a_node_that_never_reached_redis_has_no_age(client, node):
    node.redis.connected = False
    node.view.age = math.inf
    answer = await client.get("/v1/pools")
    assert await answer.json() == {"pools": [], "age_s": None}
    assert "Age" not in answer.headers
