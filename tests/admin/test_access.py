"""Who may use the API."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import TestClient, TestServer

from cluster_lb.admin.app import build_app

SECURED = ["/v1/pools", "/v1/nodes", "/v1/events", "/metrics", "/v1/pools/web", "/nowhere"]


@pytest.fixture
async def guarded(node):
    """A client of an admin API with a token."""
    node.token = "s3cret"
    async with TestClient(TestServer(build_app(node.state()))) as client:
        yield client


@pytest.mark.parametrize("path", SECURED)
@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic s3cret"}])
async def test_without_the_token_everything_but_the_probes_is_401(guarded, path, header):
    answer = await guarded.get(path, headers=header)
    assert answer.status == 401
    assert "Authorization: Bearer" in (await answer.json())["error"]


async def test_writes_need_the_token_too(guarded):
    for method in ("PUT", "PATCH", "DELETE"):
        answer = await guarded.request(method, "/v1/pools/web/servers/s1", json={"address": "a:1"})
        assert answer.status == 401


async def test_the_token_opens_the_api(guarded):
    answer = await guarded.get("/v1/pools", headers={"Authorization": "Bearer s3cret"})
    assert answer.status == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/", "/dashboard/dashboard.js"])
async def test_probes_and_the_page_without_data_are_open(guarded, path):
    assert (await guarded.get(path)).status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:9900", 200),
        ("localhost:9900", 200),
        ("localhost", 200),
        ("[::1]:9900", 200),
        ("[::1]", 200),
        ("evil.example:9900", 403),
        ("evil.example", 403),
        ("10.0.0.1", 403),
        ("", 403),
    ],
)
async def test_without_a_token_only_loopback_names_are_answered(client, host, status):
    assert (await client.get("/v1/pools", headers={"Host": host})).status == status
