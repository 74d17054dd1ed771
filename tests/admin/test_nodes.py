"""/v1/nodes: the live nodes as they described themselves."""

from __future__ import annotations

from cluster_lb.model.member import Member

N1 = Member("n1", "0.1.0", "a", ("0.0.0.0:8080",), "127.0.0.1:9900", 5, 0, 120, {"web": 7})


async def test_nodes_are_listed_with_the_one_that_answers(client, node):
    await node.membership.renew(N1)
    await node.membership.renew(Member("n2", "0.1.0"))
    data = await (await client.get("/v1/nodes")).json()
    assert (data["node"], data["age_s"]) == ("n1", 0.0)
    first, second = data["nodes"]
    assert 4000 < first.pop("lease_ms") <= 5000
    assert first == {
        "id": "n1",
        "version": "0.1.0",
        "zone": "a",
        "listeners": ["0.0.0.0:8080"],
        "admin": "127.0.0.1:9900",
        "started_at_ms": 5,
        "snapshot_age_ms": 120,
        "epochs": {"web": 7},
    }
    assert second["id"] == "n2"


async def test_while_redis_is_away_the_nodes_last_heard_of_are_told_with_their_age(client, node):
    node.view.members = (N1,)
    node.view.age = 3.5
    node.redis.connected = False
    data = await (await client.get("/v1/nodes")).json()
    assert ([one["id"] for one in data["nodes"]], data["age_s"]) == (["n1"], 3.5)
