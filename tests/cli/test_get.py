"""get shows what Redis holds, as a table and as the admin API's JSON."""

from __future__ import annotations

import json

import pytest

from cluster_lb.admin.resources import pool_json, servers_json
from cluster_lb.model.member import Member
from cluster_lb.settings.routes import RouteSettings
from cluster_lb.settings.schema import PoolSettings
from cluster_lb.store.membership import Membership
from cluster_lb.store.pools import PoolConfigs
from cluster_lb.store.registry import Registry

N1 = Member("n1", "0.1.0", "a", ("0.0.0.0:8080",), "127.0.0.1:9900", 5, 0, 120, {"web": 7})


@pytest.mark.parametrize("what", ["pools", "servers", "nodes", "routes"])
def test_an_empty_cluster_says_so(cluster_lb, redis, what):
    assert (cluster_lb("get", what).out, cluster_lb("get", what).err) == ([], [f"no {what}"])
    assert json.loads("".join(cluster_lb("get", what, "-o", "json").out)) == {what: []}


def test_servers_are_listed_with_their_exact_shares(cluster_lb, register):
    register("s1", weight=3)
    register("s2", port=8001)
    register("a1", pool="api")
    titles, *rows = (line.split("  ") for line in cluster_lb("get", "servers").out)
    assert [title.strip() for title in titles if title.strip()][:4] == ["POOL", "SERVER", "ADDRESS", "STATE"]
    assert [row[0] for row in rows] == ["api", "web", "web"]
    assert "75.0 %" in [cell.strip() for cell in rows[1]]
    assert len(cluster_lb("get", "servers", "web").out) == 3


def test_json_is_what_the_admin_api_answers(cluster_lb, register, store):
    register("s1", weight=3)
    reading = store(lambda store: Registry(store).read_pool("web"))
    [pool] = json.loads("".join(cluster_lb("get", "pools", "web", "-o", "json").out))["pools"]
    [server] = json.loads("".join(cluster_lb("get", "servers", "web", "-o", "json").out))["servers"]
    for shown, expected in (
        (server, servers_json(reading)[0]),
        (pool["servers"][0], servers_json(reading)[0]),
    ):
        assert shown | {"lease_ms": 0} == expected | {"lease_ms": 0}
    assert pool | {"servers": []} == pool_json(reading) | {"servers": []}


def test_pools_and_nodes_and_routes_are_listed(cluster_lb, register, store):
    register("s1")
    store(lambda store: Membership(store).renew(N1))
    routes = [
        RouteSettings(host="api.example.com", pool="api"),
        RouteSettings(
            name="old",
            path_prefix="/v1",
            methods=("GET", "HEAD"),
            pools={"api": 95, "new": 5},
            strip_prefix="/v1",
        ),
    ]
    store(lambda store: PoolConfigs(store).apply({"web": PoolSettings(policy="round_robin")}, routes))
    _, pool = cluster_lb("get", "pools").out
    assert pool.split()[:2] == ["web", "round_robin"]
    assert "1 of 1" in pool
    _, node = cluster_lb("get", "nodes").out
    assert node.split()[:5] == ["n1", "a", "0.0.0.0:8080", "127.0.0.1:9900", "0.1.0"]
    assert node.split()[-1] == "web:7"
    _, *shown = cluster_lb("get", "routes").out
    assert [row.split() for row in shown] == [
        ["api.example.com/", "api.example.com/", "to", "api"],
        ["old", "GET,HEAD", "*/v1", "to", "api:95", "new:5", "strip_prefix"],
    ]
    route = json.loads("".join(cluster_lb("get", "routes", "-o", "json").out))["routes"][1]
    assert route == {
        "name": "old",
        "match": "GET,HEAD */v1",
        "action": "to api:95 new:5",
        "path_prefix": "/v1",
        "methods": ["GET", "HEAD"],
        "pools": {"api": 95, "new": 5},
        "strip_prefix": "/v1",
    }


def test_a_wide_table_is_not_cut_even_on_a_terminal(cluster_lb, register, monkeypatch):
    register("s" * 128)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert "s" * 128 not in cluster_lb("get", "servers").out[1]
    assert "s" * 128 in cluster_lb("get", "servers", "-o", "wide").out[1]


def test_a_long_row_is_not_cut_where_nobody_looks(cluster_lb, register):
    register("s" * 128)
    assert "s" * 128 in cluster_lb("get", "servers").out[1]
