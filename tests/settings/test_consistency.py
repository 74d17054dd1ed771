"""Settings that are fine one by one and exclude one another together."""

from __future__ import annotations

import pytest

from cluster_lb.settings.consistency import contradictions
from cluster_lb.settings.schema import PoolSettings, Settings


def problems(**settings) -> list[str]:
    return [f"{key}: {text}" for key, text in contradictions(Settings.model_validate(settings))]


def listeners(*binds: str) -> list[dict[str, str]]:
    return [{"bind": bind} for bind in binds]


@pytest.mark.parametrize(
    "binds", [("127.0.0.1:80", "127.0.0.1:80"), ("0.0.0.0:80", "127.0.0.1:80"), ("127.0.0.1:80", "[::]:80")]
)
def test_two_listeners_on_one_port_are_refused(binds):
    [problem] = problems(listeners=listeners(*binds))
    assert problem.startswith(f"listeners.1.bind: {binds[1]} is taken by listeners.0.bind ({binds[0]})")


def test_a_listener_on_the_admin_port_is_refused():
    [problem] = problems(listeners=listeners("127.0.0.1:9900"))
    assert problem.startswith("listeners.0.bind: 127.0.0.1:9900 is taken by node.admin")


def test_one_port_on_two_addresses_and_port_0_twice_are_fine():
    assert problems(listeners=listeners("127.0.0.1:80", "127.0.0.2:80", "127.0.0.1:0", "127.0.0.1:0")) == []


def test_an_admin_that_others_can_reach_needs_a_token():
    [problem] = problems(node={"admin": "0.0.0.0:9900"})
    assert problem.startswith("node.admin: 0.0.0.0:9900 is open to other machines")
    assert problems(node={"admin": "0.0.0.0:9900", "admin_token": "secret"}) == []
    assert problems(node={"admin": "[::1]:9900"}) == []


@pytest.mark.parametrize("policy", ["round_robin"])
def test_settings_of_weights_under_a_policy_that_knows_none_are_refused(policy):
    pool = {"policy": policy, "weights": "adaptive", "slow_start": {"duration_s": 5}}
    assert [problem.partition(":")[0] for problem in problems(pools={"web": pool})] == [
        "pools.web.weights",
        "pools.web.slow_start.duration_s",
    ]
    assert problems(pools={"web": pool | {"policy": f"weighted_{policy}"}}) == []
    assert problems(pools={"web": {"policy": policy}}) == []


def test_two_routes_that_match_the_same_requests_are_refused():
    route = {"host": "Example.com", "path_prefix": "/v1", "pool": "a"}
    [problem] = problems(routes=[route, route | {"host": "example.com", "path_prefix": "/v1/", "pool": "b"}])
    assert problem == "routes.1: matches the same requests as routes.0; remove one"
    assert problems(routes=[route, route | {"path_prefix": "/v2"}]) == []


@pytest.mark.parametrize(
    "change",
    [
        {"priority": 5},
        {"methods": ["POST", "GET"], "headers": {"x-a": "1", "X-B": "2"}},
    ],
)
def test_the_order_of_conditions_and_a_priority_make_no_other_match(change):
    route = {"methods": ["GET", "POST"], "headers": {"x-b": "2", "x-a": "1"}, "pool": "a"}
    if "priority" in change:
        route = {"pool": "a"}
    [problem] = problems(routes=[route, route | change])
    assert problem == "routes.1: matches the same requests as routes.0; remove one"


@pytest.mark.parametrize(
    "change",
    [
        {"methods": ["GET"]},
        {"headers": {"x-a": "1"}},
        {"path": "/v1"},
        {"path_regex": "/v1"},
        {"host": "*.a"},
    ],
)
def test_another_condition_makes_another_match(change):
    assert problems(routes=[{"pool": "a"}, {"pool": "a"} | change]) == []


def test_two_routes_of_one_name_are_refused():
    [problem] = problems(routes=[{"name": "x", "pool": "a"}, {"name": "x", "path": "/", "pool": "a"}])
    assert problem == "routes.1.name: 'x' is the name of routes.0 too; give it another"


@pytest.mark.parametrize(("policy", "refused"), [("rendezvous_hash", True), ("round_robin", False)])
def test_a_policy_by_key_and_a_preference_for_zones_are_refused(policy, refused):
    zoned = PoolSettings.model_validate({"zone_aware": {"enabled": True}})
    settings = Settings(pools={"web": zoned}).model_copy(
        update={"pools": {"web": zoned.model_copy(update={"policy": policy})}}
    )
    found = [problem for problem in contradictions(settings) if problem.key == "pools.web.zone_aware.enabled"]
    assert bool(found) is refused


def test_probes_of_a_pool_that_do_not_fit_their_kind():
    assert problems(pools={"web": {"health": {"kind": "tcp", "path": "/live"}}}) == [
        'pools.web.health.path: is for kind = "http", and kind is "tcp"'
    ]
