"""What an operator says of a server holds in Redis, for all nodes."""

from __future__ import annotations

import pytest

from cluster_lb.model.availability import AdminState
from cluster_lb.settings.schema import PoolSettings
from cluster_lb.store.loads import Loads
from cluster_lb.store.pools import PoolConfigs
from cluster_lb.store.registry import Registry


@pytest.fixture
def servers(store):
    """id -> server of pool web, as in Redis."""

    def read():
        reading = store(lambda store: Registry(store).read_pool("web"))
        return {server.id: server for server in reading.snapshot.servers}

    return read


@pytest.mark.parametrize(("action", "state"), [("drain", "DRAIN"), ("maint", "MAINT"), ("ready", "READY")])
def test_a_state_is_set(cluster_lb, register, servers, action, state):
    register("s1")
    ended = cluster_lb("server", action, "web", "s1")
    assert (ended.code, ended.out, ended.err) == (0, [f"web/s1: {state}"], [])
    assert servers()["s1"].admin_state is AdminState(state)


def test_a_drained_server_takes_traffic_again(cluster_lb, register, servers):
    register("s1")
    cluster_lb("server", "drain", "web", "s1")
    cluster_lb("server", "ready", "web", "s1")
    assert servers()["s1"].admin_state is AdminState.READY


def test_a_weight_is_set(cluster_lb, register, servers):
    register("s1")
    assert cluster_lb("server", "weight", "web", "s1", "7").out == ["web/s1: weight 7"]
    assert servers()["s1"].weight == 7
    ended = cluster_lb("server", "weight", "web", "s1", "257")
    assert (ended.code, ended.err) == (
        2,
        ["cluster-lb: weight 257: must be in 0..256 (0 takes no new traffic)"],
    )


def test_a_weight_that_the_policy_does_not_heed_is_told(cluster_lb, register, store):
    register("s1")
    settings = {"web": PoolSettings(policy="round_robin")}
    store(lambda store: PoolConfigs(store).apply(settings, []))
    [line] = cluster_lb("server", "weight", "web", "s1", "7").err
    assert line.startswith("policy round_robin goes by no weights")
    assert cluster_lb("server", "weight", "web", "s1", "0").err == []


def test_a_removed_server_is_gone_with_a_word_of_its_return(cluster_lb, register, servers):
    register("s1")
    ended = cluster_lb("server", "remove", "web", "s1")
    assert (ended.code, ended.out) == (0, ["web/s1: removed"])
    [line] = ended.err
    assert "comes back with its next heartbeat" in line
    assert "`cluster-lb server maint web s1`" in line
    assert servers() == {}


@pytest.mark.parametrize("action", [["drain"], ["remove"], ["weight"]])
def test_an_unknown_server_is_code_1(cluster_lb, register, action):
    register("s1")
    number = ["1"] if action == ["weight"] else []
    ended = cluster_lb("server", *action, "web", "ghost", *number)
    assert (ended.code, ended.out) == (1, [])
    assert ended.err == [
        "cluster-lb: pool 'web' has no server 'ghost'; `cluster-lb get servers web` lists those there are"
    ]


def test_wait_ends_well_once_nothing_is_open(cluster_lb, register):
    register("s1")
    ended = cluster_lb("server", "drain", "web", "s1", "--wait")
    assert (ended.code, ended.out) == (0, ["web/s1: drained"])


def test_wait_ends_with_code_1_while_something_is_open(cluster_lb, register, store):
    register("s1")
    store(lambda store: Loads(store).publish("web", "n1", 60_000, 1_000, {"s1": 4}))
    ended = cluster_lb("server", "drain", "web", "s1", "--wait", "--timeout", "0.1")
    assert (ended.code, ended.out) == (1, [])
    assert ended.err == ["cluster-lb: web/s1: after 0.1 s: 4 still open"]
