"""What a registration accepts."""

from __future__ import annotations

from typing import Any

import pytest

from cluster_lb.errors import InvalidValueError
from cluster_lb.sdk import Registration
from cluster_lb.sdk.options import checked_timing, from_environment, with_no_drain


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"pool": "we b"}, "pool name 'we b'"),
        ({"address": "9001"}, "address '9001'"),
        ({"address": "127.0.0.1:0"}, "port 0"),
        ({"address": "127.0.0.1:70000"}, "port 70000"),
        ({"address": "999.0.0.1:80"}, "'999.0.0.1' is not an IPv4 address"),
        ({"id": "a b"}, "server id 'a b'"),
        ({"weight": 257}, "weight 257"),
        ({"weight": -1}, "weight -1"),
        ({"weight": 1.5}, "weight 1.5"),
        ({"weight": True}, "weight True"),
        ({"priority": 129}, "priority 129: must be in 0..128"),
        ({"priority": -1}, "priority -1"),
        ({"priority": "1"}, "priority '1': must be a whole number"),
        ({"ttl_s": 0.9}, "ttl_s 0.9"),
        ({"ttl_s": float("nan")}, "ttl_s nan"),
        ({"heartbeat_s": 0}, "heartbeat_s 0"),
        ({"heartbeat_s": 6.0}, "heartbeat_s 6.0"),
        ({"drain_s": -1}, "drain_s -1"),
        ({"namespace": "a{b}"}, "namespace 'a{b}'"),
    ],
)
def test_a_bad_value_is_refused_at_once_and_named(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidValueError) as refused:
        Registration(**{"pool": "web", "address": "127.0.0.1:9001", **arguments})
    assert named in str(refused.value)


def test_a_heartbeat_comes_three_times_in_a_lease_unless_it_is_set() -> None:
    assert checked_timing(6.0, None, 0.0).heartbeat_s == 2.0
    assert checked_timing(6.0, 0.5, 0.0).heartbeat_s == 0.5


def test_the_id_is_the_address_unless_it_is_given() -> None:
    assert Registration("web", "[::1]:9001").id == "[::1]:9001"
    assert Registration("web", "127.0.0.1:9001", id="a").id == "a"


def test_an_argument_goes_before_the_environment_and_that_before_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CLUSTER_LB_REDIS", raising=False)
    assert from_environment(None, "CLUSTER_LB_REDIS", "embedded") == "embedded"
    monkeypatch.setenv("CLUSTER_LB_REDIS", "redis://there")
    assert from_environment(None, "CLUSTER_LB_REDIS", "embedded") == "redis://there"
    assert from_environment("redis://here", "CLUSTER_LB_REDIS", "embedded") == "redis://here"


def test_servers_that_drain_themselves_wait_only_when_told_to() -> None:
    assert with_no_drain({"weight": 2}) == {"weight": 2, "drain_s": 0.0}
    assert with_no_drain({"drain_s": 3.0}) == {"drain_s": 3.0}
