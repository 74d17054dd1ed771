"""Settings that are fine one by one and exclude one another together."""

from __future__ import annotations

import pytest

from cluster_lb.settings.consistency import contradictions
from cluster_lb.settings.schema import Settings


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


def test_two_routes_that_match_the_same_requests_are_refused():
    route = {"host": "Example.com", "path_prefix": "/v1", "pool": "a"}
    [problem] = problems(routes=[route, route | {"host": "example.com", "path_prefix": "/v1/", "pool": "b"}])
    assert problem == "routes.1: matches the same requests as routes.0; remove one"
    assert problems(routes=[route, route | {"path_prefix": "/v2"}]) == []


@pytest.mark.parametrize("host", ["example.com:80", "http://example.com", "a b", "1.2.3", "." * 3])
def test_a_route_to_what_is_not_a_host_is_refused(host):
    [problem] = problems(routes=[{"host": host, "pool": "a"}])
    assert problem.startswith(f"routes.0.host: {host!r} is not a host")


@pytest.mark.parametrize("host", ["", "example.com", "bücher.example", "10.0.0.1", "[::1]"])
def test_names_and_addresses_are_hosts(host):
    assert problems(routes=[{"host": host, "pool": "a"}]) == []
