"""A settings file is read whole, or refused with one line that says where and what."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster_lb.errors import SettingsError
from cluster_lb.model.address import Address
from cluster_lb.settings.load import load_settings, with_overrides
from cluster_lb.settings.schema import Settings

EXAMPLE = """
[node]
id = "lb-1"
zone = "a"
workers = "auto"
admin = "127.0.0.1:9900"
[redis]
url = "redis://10.0.0.1:6379/0"
[[listeners]]
bind = "0.0.0.0:8080"
pool = "web"
[pools.web]
policy = "weighted_round_robin"
allow = ["10.0.0.0/8"]
[pools.web.health]
kind = "http"
path = "/healthz"
fall = 5
[[routes]]
host = "api.example.com"
path_prefix = "/v1"
pool = "api"
"""


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def read(text: str) -> Settings:
        Path("lb.toml").write_text(text)
        return load_settings(Path("lb.toml"))

    return read


def refusal(read, text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read(text)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_file_is_read_with_defaults_for_what_it_leaves_out(read):
    settings = read(EXAMPLE)
    assert settings.node.workers == "auto"
    assert settings.pools["web"].health.fall == 5
    assert settings.pools["web"].health.rise == 2
    assert settings.routes[0].pool == "api"
    assert [listener.bind for listener in settings.listeners] == [Address("0.0.0.0", 8080)]


def test_an_empty_file_listens_on_loopback_8080_for_pool_web(read):
    [listener] = read("").listeners
    assert (str(listener.bind), listener.pool) == ("127.0.0.1:8080", "web")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[pools.web.health]\nfal = 3", "pools.web.health.fal: unknown key; did you mean 'fall'?"),
        (
            "[[listeners]]\nbind='0.0.0.0:80'\nprotcol='http'",
            "listeners.0.protcol: unknown key; did",
        ),
        ("[bogus]", "bogus: unknown key; known: listeners, node, pools, redis, routes"),
        ("[pools.web.health]\nfall = 0", "pools.web.health.fall: must be greater than 0, not 0"),
        (
            "[pools.web.health]\nfall = 'x'",
            "pools.web.health.fall: must be a valid integer, not 'x'",
        ),
        ("[node]\nworkers = -1", "node.workers: must be greater than 0 or must be 'auto', not -1"),
        ("[node]\nlease_s = inf", "node.lease_s: must be a finite number, not inf"),
        ("[node]\nlease_s = 1", "node.lease_s: must be greater than or equal to 2, not 1"),
        ("[node]\nadmin = 9900", "node.admin: address '9900': write HOST:PORT"),
        (
            "[[listeners]]\nbind = 'x:99999'",
            "listeners.0.bind: address 'x:99999': port 99999",
        ),
        (
            "[[routes]]\nhost = 'x'",
            "routes.0: takes exactly one of pool, pools, redirect and respond, not none of them",
        ),
        ("[pools.'we b']", "pools.we b: pool name 'we b': use 1 to 64"),
        ("[pools.web]\nallow = ['10.0.0.1/8']", "pools.web.allow.0: 10.0.0.1/8 has host bits set"),
        (
            "[pools.web]\npolicy = 'fair'",
            "pools.web.policy: must be 'round_robin', 'weighted_round_robin', ",
        ),
        ("pools = 5", "pools: must be a table, not 5"),
        ("[listeners]\nbind = ':80'", "listeners: there may be several: write [[listeners]]"),
        ("[[pools]]", "pools: must be a table, not [{}]"),
        ("[pools.web]\nallow = 'a'", "pools.web.allow: must be an array, not 'a'"),
        (
            "[[routes]]\npath_prefix = 'v1'\npool = 'a'",
            "routes.0.path_prefix: 'v1': begin with '/' and use visible ASCII without '?' and '#'",
        ),
        ("[redis]\nnamespace = 'a b'", "redis.namespace: 'a b': use 1 to 32 letters, digits"),
        ("pools = ", "is not TOML: Invalid value (at end of document)"),
    ],
)
def test_a_bad_setting_is_named_by_file_and_key(read, text, message):
    assert refusal(read, text).startswith(f"lb.toml: {message}")


def test_of_several_problems_the_first_is_told_and_the_others_are_counted(read):
    message = refusal(read, "[pools.web.health]\nrise = 0\nfall = 0\nprobers = 0")
    assert message == "lb.toml: pools.web.health.rise: must be greater than 0, not 0 (and 2 more)"


def test_a_bad_item_is_no_lack_of_items_too(read):
    message = refusal(read, "[pools.web.health]\nkind = 'http'\nexpect_status = ['2xx']")
    assert message.endswith("expect_status.0: '2xx': write a status as 401, or a range as 200-299")
    assert "at least 1 item" in refusal(read, "[pools.web.health]\nkind = 'http'\nexpect_status = []")


def test_a_file_that_is_not_there_or_not_text_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"gone\.toml: No such file or directory"):
        load_settings(tmp_path / "gone.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=r"binary\.toml: is not UTF-8 text"):
        load_settings(tmp_path / "binary.toml")


def test_options_win_over_the_file(read):
    settings = with_overrides(
        read(EXAMPLE),
        redis="redis://other/0",
        listen=["127.0.0.1:8081=api", "127.0.0.1:8082"],
        admin="127.0.0.1:9901",
        id="lb-9",
        zone="z",
        workers="2",
    )
    assert settings.redis.url == "redis://other/0"
    assert [(str(one.bind), one.pool) for one in settings.listeners] == [
        ("127.0.0.1:8081", "api"),
        ("127.0.0.1:8082", "web"),
    ]
    assert (settings.node.id, settings.node.zone, settings.node.workers) == ("lb-9", "z", 2)
    assert settings.node.admin == Address("127.0.0.1", 9901)


def test_options_that_are_not_given_leave_the_file_as_it_is(read):
    settings = read(EXAMPLE)
    assert with_overrides(settings) == settings


def test_without_file_and_options_the_defaults_stand():
    settings = with_overrides(Settings())
    assert [str(one.bind) for one in settings.listeners] == ["127.0.0.1:8080"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"listen": ["8080"]}, "--listen 8080: address '8080': write HOST:PORT"),
        ({"listen": ["h:80=a b"]}, "--listen h:80=a b: pool name 'a b': use 1 to 64"),
        ({"workers": "many"}, "--workers: must be a valid integer or must be 'auto', not 'many'"),
        ({"id": "a b"}, "--id: node id 'a b': use"),
        ({"admin": "x"}, "--admin: address 'x': write HOST:PORT"),
        ({"namespace": "a b"}, "--namespace: 'a b': use 1 to 32 letters, digits"),
    ],
)
def test_a_bad_option_is_named(options, message):
    with pytest.raises(SettingsError) as caught:
        with_overrides(Settings(), **options)
    assert str(caught.value).startswith(message)
