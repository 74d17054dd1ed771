"""Settings of sticky cookies: what a browser would refuse is refused here."""

from __future__ import annotations

import pytest

from cluster_lb.errors import SettingsError
from cluster_lb.settings.load import load_settings
from cluster_lb.settings.schema import PoolSettings
from cluster_lb.settings.sticky import StickySettings
from cluster_lb.store.pool_fields import from_fields, to_fields

TABLE = "[pools.web.sticky]\n"


def loaded(tmp_path, text: str) -> StickySettings:
    file = tmp_path / "lb.toml"
    file.write_text(text)
    return load_settings(file).pools["web"].sticky


def test_writing_the_table_switches_it_on(tmp_path):
    assert loaded(tmp_path, TABLE).enabled
    assert not loaded(tmp_path, "[pools.web]\n").enabled


def test_a_cookie_is_named_after_its_pool_unless_it_has_a_name():
    assert StickySettings().cookie_of("web") == "SERVERID-web"
    assert StickySettings(cookie="node").cookie_of("web") == "node"


@pytest.mark.parametrize(
    "text",
    [
        'same_site = "none"\nsecure = true',
        'cookie = "__Host-node"\nsecure = true',
        'cookie = "__Secure-node"\nsecure = true\ndomain = "example.com"',
        'path = "/app"\ndomain = "a.example.com"\nlifetime_s = 3600\nhttp_only = false',
        'secret = "0123456789abcdef"',
    ],
)
def test_what_browsers_take_is_taken(tmp_path, text):
    assert loaded(tmp_path, TABLE + text).enabled


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('cookie = "a b"', "sticky.cookie: "),
        ('cookie = "a=b"', "sticky.cookie: "),
        ('path = "app"', "sticky.path: "),
        ('path = "/a;b"', "sticky.path: "),
        ('domain = "a;b"', "sticky.domain: "),
        ('domain = ".example.com"', "sticky.domain: "),
        ('same_site = "None"', "sticky.same_site: "),
        ('same_site = "none"', 'sticky: browsers refuse same_site = "none" without secure = true'),
        (
            'cookie = "__Secure-n"',
            "sticky: browsers refuse a cookie named '__Secure-n' without secure = true",
        ),
        ('cookie = "__Host-n"\nsecure = true\npath = "/a"', "sticky: browsers refuse __Host- cookies with"),
        ("lifetime_s = -1", "sticky.lifetime_s: "),
        ("lifetime = 1", "sticky.lifetime: unknown key; did you mean 'lifetime_s'?"),
    ],
)
def test_what_they_refuse_is_an_error_that_names_the_key(tmp_path, text, problem):
    with pytest.raises(SettingsError) as error:
        loaded(tmp_path, TABLE + text)
    assert f"pools.web.{problem}" in str(error.value)


def test_a_secret_that_is_too_short_is_not_repeated_in_the_error(tmp_path):
    with pytest.raises(SettingsError) as error:
        loaded(tmp_path, TABLE + 'secret = "hunter2"')
    assert str(error.value).endswith(
        "pools.web.sticky.secret: is too short: write at least 16 random characters"
    )


def test_settings_come_back_from_redis_as_they_were_secret_and_all():
    sticky = {"cookie": "node", "lifetime_s": 60, "secret": "correct horse battery staple"}
    settings = PoolSettings.model_validate({"sticky": sticky})
    assert from_fields(to_fields(settings)) == (settings, [])


def test_a_bad_secret_in_redis_is_named_and_not_shown():
    settings, problems = from_fields({"sticky.enabled": "true", "sticky.secret": "hunter2"})
    assert settings.sticky.enabled
    assert settings.sticky.secret.get_secret_value() == ""
    assert len(problems) == 1
    assert "sticky.secret" in problems[0]
    assert "hunter2" not in problems[0]
