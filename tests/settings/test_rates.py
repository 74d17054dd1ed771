"""Rate limits as they are written in a file."""

from __future__ import annotations

import pytest

from cluster_lb.errors import SettingsError
from cluster_lb.model.rate_limit import RateLimit
from cluster_lb.settings.load import load_settings
from cluster_lb.settings.schema import RouteSettings


def route(*limits: dict[str, object], **fields: object) -> RouteSettings:
    return RouteSettings.model_validate({"pool": "web", "rate_limits": limits, **fields})


def limit(**fields: object) -> RateLimit:
    return route(fields).limits()[0]


def test_requests_alone_make_a_limit_a_second_for_each_client():
    assert limit(requests=5) == RateLimit("/:client_ip:5/1s", 5, 1, burst=5, on_redis_loss="local")


def test_all_of_it_can_be_said():
    fields = {
        "name": "n",
        "key": "all",
        "requests": 100,
        "window_s": 60,
        "burst": 20,
        "on_redis_loss": "closed",
    }
    assert limit(**fields) == RateLimit("n", 100, 60, burst=20, on_redis_loss="closed")


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"path_prefix": "/v1"}, "/v1:client_ip:5/1s"),
        ({"host": "Api.example"}, "api.example/:client_ip:5/1s"),
        ({"path_prefix": '/a"\\{b}'}, "/a%22%5C%7Bb%7D:client_ip:5/1s"),
        ({"host": "bücher.example"}, "b%C3%BCcher.example/:client_ip:5/1s"),
    ],
)
def test_the_name_says_the_route_and_fits_into_a_header_and_a_key(fields, name):
    assert route({"requests": 5}, **fields).limits()[0].name == name


def test_a_header_may_be_written_in_any_case():
    assert route({"key": "header:X-Api-Key", "requests": 5}).rate_limits[0].key == "header:x-api-key"


def read(tmp_path, limits: str) -> None:
    file = tmp_path / "lb.toml"
    file.write_text(
        f'[[routes]]\npool = "web"\nrate_limits = [{limits}]\n'
        '[[routes]]\npath_prefix = "/x"\npool = "web"\nrate_limits = [{ name = "shared", requests = 5 }]\n'
    )
    load_settings(file)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{ requests = 0 }", "routes.0.rate_limits.0.requests: must be greater than or equal to 1, not 0"),
        ('{ requests = 1, key = "ip" }', "'ip' is no key; known: client_ip, host, all, header:NAME"),
        ('{ requests = 1, key = "header:" }', "'header:' is no key"),
        ('{ requests = 1, key = "header:a b" }', "'header:a b' is no key"),
        ("{ requests = 100, burst = 19 }", "routes.0.rate_limits.0: burst 19 is too small"),
        ("{ requests = 100, burst = 19 }", "set at least 20"),
        ("{ requests = 1, windows_s = 2 }", "unknown key; did you mean 'window_s'?"),
        ('{ requests = 1, on_redis_loss = "ajar" }', "routes.0.rate_limits.0.on_redis_loss: "),
        ('{ name = "shared", requests = 6 }', "routes.1.rate_limits.0: differs from routes.0.rate_limits.0"),
        ("{ requests = 9 }, { requests = 9, burst = 4 }", "routes.0.rate_limits.1: differs from"),
    ],
)
def test_a_mistake_is_named(tmp_path, text, problem):
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "{ requests = 10 }, { requests = 1000, window_s = 3600 }",
        '{ requests = 10 }, { requests = 10, key = "host" }',
        '{ name = "shared", requests = 5 }',
        "{ requests = 100, burst = 20 }",
    ],
)
def test_limits_that_differ_have_names_that_differ(tmp_path, text):
    read(tmp_path, text)
