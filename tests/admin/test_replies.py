"""Every error of the API is JSON with one sentence."""

from __future__ import annotations

import pytest

from cluster_lb.errors import StoreError


async def test_a_path_or_method_that_is_not_there(client):
    missing = await client.get("/v2/pools")
    assert (missing.status, await missing.json()) == (404, {"error": "there is nothing at /v2/pools"})
    wrong = await client.post("/v1/pools")
    assert wrong.status == 405
    assert "GET" in wrong.headers["Allow"]
    assert await wrong.json() == {"error": "/v1/pools does not take POST; use GET, HEAD"}


@pytest.mark.parametrize("path", ["/healthz", "/v1/nope", "/metrics", "/"])
async def test_answers_do_not_tell_what_they_are_made_with(client, path):
    assert (await client.get(path)).headers["Server"] == "cluster-lb"


@pytest.mark.parametrize("path", ["/v1/pools", "/v1/pools/web"])
async def test_foreign_contents_in_redis_are_ours_to_report(client, node, monkeypatch, path):
    async def refused(*_: object) -> None:
        raise StoreError("Redis refused SMEMBERS: WRONGTYPE")

    monkeypatch.setattr(node.registry, "pool_names", refused)
    monkeypatch.setattr(node.registry, "read_pool", refused)
    answer = await client.get(path)
    assert (answer.status, await answer.json()) == (500, {"error": "Redis refused SMEMBERS: WRONGTYPE"})
