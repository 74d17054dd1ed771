"""/v1/pools/P/servers: what was registered is read back; what is wrong is named."""

from __future__ import annotations

import re

import pytest

from cluster_lb.model.availability import Health
from cluster_lb.model.verdict import Vote
from cluster_lb.settings.schema import HealthSettings

WEB = "/v1/pools/web/servers"


async def test_a_server_registers_and_is_read_back(client):
    body = {
        "address": "10.0.0.7:8000",
        "weight": 3,
        "zone": "a",
        "priority": 1,
        "ttl_s": 10,
        "report": {"cpu": 0.25},
    }
    put = await client.put(f"{WEB}/s1", json=body)
    assert put.status == 200
    answer = await put.json()
    assert (answer["pool"], answer["id"], answer["ttl_s"]) == ("web", "s1", 10)

    [server] = (await (await client.get(WEB)).json())["servers"]
    assert 9_000 < server.pop("lease_ms") <= 10_000
    assert server.pop("registered_at_ms") > 0
    assert server == {
        "id": "s1",
        "pool": "web",
        "address": "10.0.0.7:8000",
        "weight": 3,
        "effective_weight": 3,
        "percent": 100,
        "percent_reason": "",
        "share": 1.0,
        "zone": "a",
        "priority": 1,
        "admin_state": "READY",
        "state": "up",
        "state_reason": "",
        "health": "NEW",
        "reason": "",
        "in_flight": 0,
        "max_requests": 0,
        "stale": False,
        "report": {"cpu": 0.25},
        "ejected": False,
        "ejection": None,
        "verdict": {
            "health": "NEW",
            "reason": "",
            "authors": [],
            "epoch": 0,
            "at_ms": 0,
            "flips": 0,
            "held_until_ms": 0,
            "votes": {},
        },
    }


async def test_a_server_says_how_it_is(client):
    body = {"address": "10.0.0.7:8000", "state": "drain", "state_reason": "deploying"}
    assert (await client.put(f"{WEB}/s1", json=body)).status == 200
    [server] = (await (await client.get(WEB)).json())["servers"]
    assert (server["state"], server["state_reason"], server["share"]) == ("drain", "deploying", 0.0)


@pytest.mark.parametrize(
    ("field", "value"), [("state", "fine"), ("state_reason", "a\nb"), ("state_reason", "x" * 257)]
)
async def test_a_bad_word_of_a_server_is_named(client, field, value):
    put = await client.put(f"{WEB}/s1", json={"address": "10.0.0.7:8000", field: value})
    assert put.status == 400
    assert (await put.json())["error"].startswith(f"{field}: ")


async def test_a_registration_is_repeated_as_heartbeat_without_a_change(client):
    first = await (await client.put(f"{WEB}/s1", json={"address": "10.0.0.7:8000"})).json()
    again = await (await client.put(f"{WEB}/s1", json={"address": "10.0.0.7:8000"})).json()
    assert again == first
    assert again["ttl_s"] == 6


async def test_a_server_that_leaves_is_gone(client):
    await client.put(f"{WEB}/s1", json={"address": "10.0.0.7:8000"})
    assert (await client.delete(f"{WEB}/s1")).status == 204
    assert (await (await client.get(WEB)).json())["servers"] == []
    again = await client.delete(f"{WEB}/s1")
    assert again.status == 404
    assert (await again.json())["error"] == "pool 'web' has no server 's1'"


async def test_an_operator_changes_state_and_weight(client, node):
    await node.add("s1")
    await node.add("s2", port=8001)
    drained = await (await client.patch(f"{WEB}/s1", json={"admin_state": "DRAIN"})).json()
    assert (drained["admin_state"], drained["share"]) == ("DRAIN", 0.0)
    weighted = await (await client.patch(f"{WEB}/s2", json={"weight": 7})).json()
    assert weighted["weight"] == 7
    both = await (await client.patch(f"{WEB}/s1", json={"admin_state": "READY", "weight": 7})).json()
    assert (both["admin_state"], both["weight"], both["share"]) == ("READY", 7, 0.5)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "address: is required"),
        ({"address": "10.0.0.7"}, "address '10.0.0.7': write HOST:PORT, or [IPv6]:PORT"),
        ({"address": 5}, "address: must be a valid string, not 5"),
        ({"address": "a:1", "weight": 257}, "weight: weight 257: must be in 0..256 (0 takes no new traffic)"),
        ({"address": "a:1", "weight": "3"}, "weight: must be a valid integer, not '3'"),
        ({"address": "a:1", "priority": 129}, "priority: priority 129: must be in 0..128"),
        ({"address": "a:1", "wieght": 3}, "wieght: unknown key; did you mean 'weight'?"),
        ({"address": "a:1", "ttl_s": 0.5}, "ttl_s: must be greater than or equal to 1, not 0.5"),
        ({"address": "a:1", "ttl_s": 3601}, "ttl_s: must be less than or equal to 3600, not 3601"),
        ({"address": "a:1", "report": {"cpu": "x"}}, "report.cpu: must be a valid number, not 'x'"),
        ({"address": "a:1", "report": {"cpu": float("nan")}}, "report.cpu: must be a finite number, not nan"),
        ([1], "body is not a JSON object"),
    ],
)
async def test_a_bad_registration_names_the_field(client, body, error):
    answer = await client.put(f"{WEB}/s1", json=body)
    assert answer.status == 400
    assert (await answer.json())["error"].startswith(error)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"admin_state": "ASLEEP"}, "admin_state: must be 'READY', 'DRAIN' or 'MAINT', not 'ASLEEP'"),
        ({"weight": True}, "weight: must be a valid integer, not True"),
        ({}, 'nothing to change: send "admin_state" (READY, DRAIN, MAINT) or "weight"'),
    ],
)
async def test_a_bad_change_names_the_field(client, node, body, error):
    await node.add("s1")
    answer = await client.patch(f"{WEB}/s1", json=body)
    assert (answer.status, (await answer.json())["error"]) == (400, error)


async def test_bad_names_and_bodies_are_refused(client):
    bad_pool = await client.put("/v1/pools/-/servers/s1", json={"address": "a:1"})
    assert (bad_pool.status, (await bad_pool.json())["error"][:13]) == (400, "pool name '-'")
    bad_id = await client.put(f"{WEB}/a%20b", json={"address": "a:1"})
    assert (bad_id.status, (await bad_id.json())["error"][:15]) == (400, "server id 'a b'")
    not_json = await client.put(f"{WEB}/s1", data=b"{")
    assert (not_json.status, (await not_json.json())["error"][:16]) == (400, "body is not JSON")
    too_large = await client.put(f"{WEB}/s1", data=b"[" + b" " * 70_000 + b"]")
    assert too_large.status == 413
    assert "error" in await too_large.json()


async def test_a_change_of_an_unknown_server_is_404(client):
    answer = await client.patch(f"{WEB}/ghost", json={"weight": 1})
    assert answer.status == 404
    assert "ghost" in (await answer.json())["error"]


async def test_a_write_while_redis_is_away_is_503(client, node):
    await node.add("s1")
    node.redis.connected = False
    for answer in (
        await client.put(f"{WEB}/s1", json={"address": "a:1"}),
        await client.patch(f"{WEB}/s1", json={"weight": 1}),
        await client.delete(f"{WEB}/s1"),
    ):
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "1"
        assert "Redis" in (await answer.json())["error"]


async def test_a_verdict_explains_itself_with_its_votes(client, node):
    await node.add("s1")
    await node.vote("n1", s1=Vote(Health.DOWN, "L7STS 503"))
    [server] = (await (await client.get(WEB)).json())["servers"]
    verdict = server["verdict"]
    assert (server["health"], server["reason"]) == ("DOWN", "L7STS 503")
    assert (verdict["health"], verdict["authors"], verdict["flips"]) == ("DOWN", ["n1"], 0)
    assert verdict["votes"]["n1"] == {"health": "DOWN", "reason": "L7STS 503", "at_ms": verdict["at_ms"]}


async def test_the_reason_of_a_held_server_tells_until_when(client, node):
    await node.add("s1")
    limit = HealthSettings(flap_limit=1)
    for health in (Health.UP, Health.DOWN, Health.UP, Health.DOWN, Health.UP):
        await node.vote("n1", limit, s1=Vote(health, "L7OK 200"))
    [server] = (await (await client.get(WEB)).json())["servers"]
    assert re.fullmatch(r"held down: 3 flips in 60 s, until \d\d:\d\d:\d\d UTC", server["reason"])
    assert server["verdict"]["held_until_ms"] > server["verdict"]["at_ms"]


async def test_an_ejected_server_says_why_and_until_when(client, node):
    await node.add("s1")
    await node.add("s2", port=8001)
    await node.eject("s1")
    first, second = (await (await client.get(WEB)).json())["servers"]
    assert (first["ejected"], first["share"], second["share"]) == (True, 0.0, 1.0)
    assert re.fullmatch(r"ejected: 5 5xx in a row, until \d\d:\d\d:\d\d UTC", first["reason"])
    ejection = first["ejection"]
    assert (ejection["kind"], ejection["by"], ejection["times"]) == ("consecutive_5xx", "n1", 1)
    assert (ejection["recovered_at_ms"], ejection["ended_by"]) == (0, "")
