"""The grammar of `hash_key`, and the range of `balance_factor`."""

from __future__ import annotations

import pytest

from cluster_lb.errors import InvalidValueError, SettingsError
from cluster_lb.settings.hash_key import Source, parse_hash_key
from cluster_lb.settings.load import load_settings
from cluster_lb.settings.schema import PoolSettings


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("client_ip", [Source("client_ip")]),
        ("path", [Source("path")]),
        ("header:X-Tenant", [Source("header", "x-tenant")]),
        ("cookie:Session", [Source("cookie", "Session")]),
        ("query:ids[]", [Source("query", "ids[]")]),
        ("{client_ip}", [Source("client_ip")]),
        ("{client_ip} {header:X-Tenant}", [Source("client_ip"), b" ", Source("header", "x-tenant")]),
        ("{{a}}{query:id}/", [b"{", b"a", b"}", Source("query", "id"), b"/"]),
    ],
)
def test_a_key_is_a_source_or_a_template_of_sources(text, parts):
    assert list(parse_hash_key(text)) == parts


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "",
            "'' is no hash key; known: client_ip, path, header:NAME, cookie:NAME, query:NAME, or a template",
        ),
        ("ip", "'ip' is no hash key"),
        ("header:", "'header:' is no hash key"),
        ("header:a b", "'header:a b' is no hash key"),
        ("query:a&b", "'query:a&b' is no hash key"),
        ("client_ip path", "'client_ip path' is no hash key"),
        ("{client_ip} {tenant}", "'tenant' in '{client_ip} {tenant}' is no hash key"),
        ("{client_ip", "lone '{' in '{client_ip'; write '{{' for the character"),
        ("{client_ip}}", "lone '}' in '{client_ip}}'; write '}}' for the character"),
        ("{{path}}", "'{{path}}' is the same for all requests"),
        ("{path}\n", "may hold visible ASCII characters and spaces only"),
    ],
)
def test_a_mistake_is_named(text, problem):
    with pytest.raises(InvalidValueError) as caught:
        parse_hash_key(text)
    assert problem in str(caught.value)


@pytest.mark.parametrize("factor", [0, 1.01, 1.25, 10])
def test_a_factor_is_off_or_above_1(factor):
    assert PoolSettings(balance_factor=factor).balance_factor == factor


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("balance_factor = 1.0", "pools.web.balance_factor: 1 is no bound: write 0 for none, or 1.01 to 10"),
        ("balance_factor = 125", "pools.web.balance_factor: 125 is no bound"),
        ('hash_key = "cookies:a"', "pools.web.hash_key: 'cookies:a' is no hash key"),
    ],
)
def test_a_file_with_a_mistake_is_refused_by_the_name_of_the_key(tmp_path, line, problem):
    file = tmp_path / "lb.toml"
    file.write_text(f"[pools.web]\n{line}\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(file)
    assert problem in str(caught.value)
