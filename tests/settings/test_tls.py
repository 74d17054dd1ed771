"""TLS settings: whose folder a path is in, and what excludes one another."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from cluster_lb.errors import SettingsError
from cluster_lb.settings.load import load_settings
from cluster_lb.settings.schema import PoolSettings
from cluster_lb.store.pool_fields import from_fields, to_fields

LISTENER = '[[listeners]]\nbind = "127.0.0.1:8443"\n'
TLS = LISTENER + 'tls = [{ certificate = "site.pem", key = "/etc/site.key" }]\n'


def loaded(tmp_path, text: str):
    file = tmp_path / "lb.toml"
    file.write_text(text)
    return load_settings(file)


def test_a_relative_path_is_relative_to_the_file(tmp_path):
    (listener,) = loaded(tmp_path, TLS).listeners
    assert listener.tls[0].certificate == f"{tmp_path}/site.pem"
    assert listener.tls[0].key == "/etc/site.key"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (TLS + "redirect_to_https = true\n", "redirect_to_https: is for a plain listener"),
        (TLS + 'client_certificates = "required"\n', "client_ca: is required by client_certificates"),
        (LISTENER + 'client_certificates = "optional"\nclient_ca = "x"\n', "client_certificates: needs tls"),
        (LISTENER + "hsts_max_age_s = 1\n", "hsts_max_age_s: needs tls"),
        (LISTENER + 'proxy_protocol_from = ["10.0.0.0/8"]\n', "proxy_protocol_from: says who may send"),
        (LISTENER + 'tls = [{ certificate = "" }]\n', "tls.0.certificate: "),
        (LISTENER + 'tls_min_version = "1.1"\n', "tls_min_version: "),
    ],
)
def test_what_excludes_one_another_is_named(tmp_path, text, problem):
    with pytest.raises(SettingsError) as raised:
        loaded(tmp_path, text)
    assert f"listeners.0.{problem}" in str(raised.value)


def test_the_table_switches_tls_to_servers_on():
    assert not PoolSettings().tls.enabled
    assert PoolSettings.model_validate({"tls": {}}).tls.enabled


def test_a_path_that_all_nodes_share_must_be_absolute():
    with pytest.raises(ValidationError, match="must be an absolute path"):
        PoolSettings.model_validate({"tls": {"ca": "ca.pem"}})


@pytest.mark.parametrize("tls", [{}, {"verify": False, "server_name": "a.example"}, {"enabled": False}])
def test_a_pool_comes_back_from_redis_as_it_went(tls):
    settings = PoolSettings.model_validate({"tls": tls, "send_proxy": "v2"})
    assert from_fields(to_fields(settings)) == (settings, [])
