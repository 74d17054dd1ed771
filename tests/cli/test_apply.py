"""apply makes the cluster's pools and routes those of the file, and says what changed."""

from __future__ import annotations

import pytest

from cluster_lb.store.pools import PoolConfigs
from cluster_lb.store.registry import Registry

FILE = """
[pools.web]
policy = "round_robin"
[pools.web.health]
fall = 5
[[routes]]
host = "api.example.com"
pool = "api"
"""


@pytest.fixture
def write(tmp_path, monkeypatch, redis):
    monkeypatch.chdir(tmp_path)
    return (tmp_path / "lb.toml").write_text


def test_a_file_is_applied_and_the_changes_are_printed(cluster_lb, write, store):
    write(FILE)
    ended = cluster_lb("apply", "lb.toml")
    assert ended.code == 0
    assert any(line.startswith("pools.web.health.fall:") and line.endswith("-> 5") for line in ended.out)
    assert "routes: 'api.example.com/' to api: new" in ended.out
    settings = store(lambda store: Registry(store).read_pool("web")).settings
    assert (settings.policy, settings.health.fall) == ("round_robin", 5)
    assert [route.pool for route in store(lambda store: PoolConfigs(store).routes())[1]] == ["api"]


def test_a_route_to_a_pool_that_there_is_not_is_told(cluster_lb, write, register):
    write(FILE)
    assert cluster_lb("apply", "lb.toml").err == [
        "route 'api.example.com/': there is no pool 'api' yet; it comes with its first server"
    ]
    register("a1", pool="api")
    assert cluster_lb("apply", "lb.toml").err == []


def test_what_is_there_already_is_no_difference(cluster_lb, write):
    write(FILE)
    cluster_lb("apply", "lb.toml")
    assert cluster_lb("apply", "lb.toml").out == ["no differences"]


def test_a_bad_file_changes_nothing(cluster_lb, write, store):
    write(FILE)
    cluster_lb("apply", "lb.toml")
    write(FILE.replace("fall = 5", "fall = 9\nrise = 0"))
    ended = cluster_lb("apply", "lb.toml")
    assert ended.code == 2
    assert ended.err == ["cluster-lb: lb.toml: pools.web.health.rise: must be greater than 0, not 0"]
    assert store(lambda store: Registry(store).read_pool("web")).settings.health.fall == 5


def test_the_redis_of_the_file_is_used_unless_another_is_named(cluster_lb, write, redis, store, monkeypatch):
    monkeypatch.delenv("CLUSTER_LB_REDIS")
    write(f"[redis]\nurl = '{redis}'\nnamespace = 'other'\n{FILE}")
    assert cluster_lb("apply", "lb.toml").code == 0
    assert store(lambda store: store.call("EXISTS", "other:{web}:config")) == 1
    assert cluster_lb("apply", "lb.toml", "--namespace", "lb").code == 0
    assert store(lambda store: store.call("EXISTS", "lb:{web}:config")) == 1
