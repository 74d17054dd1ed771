"""What a route may say, and what is wrong with one that may not."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from cluster_lb.routing.match import FieldCondition, Match, PathKind
from cluster_lb.settings.problems import one_line, problems_of
from cluster_lb.settings.routes import RouteSettings
from cluster_lb.settings.schema import Settings

TO_A = {"pool": "a"}


def problem(**route: object) -> str:
    """The one line for a table of this route."""
    data = {"routes": [route]}
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(data)
    found = one_line(problems_of(caught.value, Settings, data))
    return f"{found.key}: {found.text}"


def test_a_route_of_the_first_version_is_as_it_was():
    route = RouteSettings.model_validate({"host": "Api.Example", "path_prefix": "/v1/", "pool": "api"})
    assert route.match == Match(host=b"api.example", path=b"/v1")
    assert route.pool_weights == {"api": 1}
    assert (route.label, route.action_label) == ("api.example/v1/", "to api")


def test_every_condition_is_part_of_the_match():
    route = RouteSettings.model_validate(
        {
            "priority": 2,
            "host": "*.b\u00fccher.example",
            "path_regex": "/u/[0-9]+",
            "methods": ["GET", "PURGE"],
            "headers": {"X-B": {"present": True}, "x-a": "1", "x-c": {"regex": "a|b"}},
            **TO_A,
        }
    )
    assert route.match == Match(
        host=b"*.xn--bcher-kva.example",
        kind=PathKind.REGEX,
        path=b"/u/[0-9]+",
        methods=frozenset((b"GET", b"PURGE")),
        fields=(
            FieldCondition("x-a", value=b"1"),
            FieldCondition("x-b"),
            FieldCondition("x-c", pattern="a|b"),
        ),
        priority=2,
    )
    assert route.label == "GET,PURGE *.b\u00fccher.example~/u/[0-9]+ x-a=1 x-b x-c~a|b"


@pytest.mark.parametrize(
    ("action", "label"),
    [
        ({"pools": {"stable": 95, "canary": 5}}, "to stable:95 canary:5"),
        ({"redirect": {"location": "https://{host}{uri}"}}, "redirect 308 https://{host}{uri}"),
        ({"respond": {"status": 404}}, "respond 404"),
    ],
)
def test_what_a_route_does_is_told_in_words(action, label):
    assert RouteSettings.model_validate({"path": "/x", **action}).action_label == label


@pytest.mark.parametrize(
    "host", ["example.com:80", "http://example.com", "a b", "1.2.3", "...", "*.", "*", "a.*.b", "*.10.0.0.1"]
)
def test_what_is_not_a_host_is_refused(host):
    assert problem(host=host, **TO_A).startswith(f"routes.0.host: {host!r} is not a host")


@pytest.mark.parametrize("host", ["example.com", "b\u00fccher.example", "10.0.0.1", "[::1]", "*.example.com"])
def test_names_addresses_and_wildcards_are_hosts(host):
    assert RouteSettings(host=host, pool="a").host == host


@pytest.mark.parametrize(
    ("route", "text"),
    [
        ({}, "routes.0: takes exactly one of pool, pools, redirect and respond, not none of them"),
        (
            {"pool": "a", "respond": {}},
            "routes.0: takes exactly one of pool, pools, redirect and respond, not pool and respond",
        ),
        (
            {"path": "/a", "path_prefix": "/b", **TO_A},
            "routes.0: path and path_prefix exclude one another; keep one",
        ),
        ({"pools": {"a": 0}}, "routes.0: pools: all weights are 0; give one of them a weight"),
        ({"pools": {"a b": 1}}, "routes.0.pools.a b: pool name 'a b': use 1 to 64"),
        (
            {"path_regex": "/(a", **TO_A},
            "routes.0.path_regex: '/(a' is not a regular expression of RE2: missing )",
        ),
        (
            {"path_regex": r"/(a)\1", **TO_A},
            "routes.0.path_regex: '/(a)\\\\1' is not a regular expression of RE2",
        ),
        ({"path": "/a?b", **TO_A}, "routes.0.path: '/a?b': begin with '/'"),
        ({"headers": {"x-a": {}}, **TO_A}, "routes.0.headers.x-a: "),
        ({"headers": {"Host": "a"}, **TO_A}, "routes.0.headers.Host: Host has a key of its own: `host`"),
        (
            {"headers": {"X-Forwarded-For": "a"}, **TO_A},
            "routes.0: headers: X-Forwarded-For is replaced unless",
        ),
        ({"headers": {"x-a": "1", "X-A": "2"}, **TO_A}, "routes.0: headers: x-a is named twice"),
        (
            {"redirect": {"location": "{path}"}},
            "routes.0.redirect.location: '{path}' must begin with http://",
        ),
        (
            {"redirect": {"location": "https://a/{x}"}},
            "routes.0.redirect.location: unknown variable {x}; known: {host}",
        ),
        (
            {"redirect": {"location": "/a\r\nX: b"}},
            "routes.0.redirect.location: '/a\\r\\nX: b' may hold visible",
        ),
        ({"redirect": {"status": 300, "location": "/"}}, "routes.0.redirect.status: "),
        (
            {"respond": {"status": 204, "body": "x"}},
            "routes.0.respond: status 204 has no body; leave body out",
        ),
        ({"respond": {"status": 101}}, "routes.0.respond.status: "),
        ({"respond": {"body": "x" * 16385}}, "routes.0.respond: body is longer than 16384 bytes"),
        ({"respond": {"content_type": "a\nb"}}, "routes.0.respond.content_type: "),
        ({"respond": {}, "strip_prefix": "/a"}, "routes.0: strip_prefix is for requests that go to servers"),
        ({"respond": {}, "mirror": "a"}, "routes.0: mirror is for requests that go to servers"),
        (
            {"strip_prefix": "/b", "path_prefix": "/a", **TO_A},
            "routes.0: strip_prefix: /b does not begin the paths",
        ),
        ({"replace_prefix": "/b", "path": "/a", **TO_A}, "routes.0: replace_prefix replaces path_prefix"),
        ({"mirror_percent": 5, **TO_A}, "routes.0: mirror_percent is nothing without mirror"),
        ({"mirror": "s", "mirror_percent": 0, **TO_A}, "routes.0.mirror_percent: must be greater than 0"),
        (
            {"request_headers": {"set": {"Content-Length": "1"}}, **TO_A},
            "routes.0.request_headers.set.Content-Length: Content-Length belongs to the connection",
        ),
        (
            {"response_headers": {"remove": ["connection"]}, **TO_A},
            "routes.0.response_headers.remove.0: connection belongs",
        ),
        (
            {"request_headers": {"set": {"host": "a"}}, **TO_A},
            "routes.0.request_headers.set.host: Host has a key of its own",
        ),
        (
            {"request_headers": {"add": {"x a": "1"}}, **TO_A},
            "routes.0.request_headers.add.x a: 'x a' is not a field name",
        ),
        (
            {"request_headers": {"add": {"x-a": "{b}"}}, **TO_A},
            "routes.0.request_headers.add.x-a: unknown variable {b}",
        ),
        (
            {"request_headers": {"add": {"x-a": "{request_id}"}}, **TO_A},
            "routes.0.request_headers.add.x-a: unknown variable {request_id}; known: {client}, {host}",
        ),
        (
            {"request_headers": {"add": {"x-a": "\n"}}, **TO_A},
            "routes.0.request_headers.add.x-a: '\\n' may hold visible",
        ),
        (
            {"request_headers": {"set": {"x-a": "1"}, "remove": ["X-A"]}, **TO_A},
            "routes.0.request_headers: X-A is named twice in set and remove",
        ),
        ({"attempts": 11, **TO_A}, "routes.0.attempts: must be less than or equal to 10"),
        ({"retries": {"budget": 0.1}, **TO_A}, "routes.0.retries.budget: unknown key"),
        (
            {"redirect": {"location": "/", "statu": 1}},
            "routes.0.redirect.statu: unknown key; did you mean 'status'?",
        ),
        ({"timeout": 1, **TO_A}, "routes.0.timeout: unknown key; did you mean 'timeouts'?"),
    ],
)
def test_a_bad_route_is_told_by_its_key(route, text):
    assert problem(**route).startswith(text)
