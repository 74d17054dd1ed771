"""The contexts of a listener: what is checked before anybody connects (handshakes: proxy/test_tls.py)."""

from __future__ import annotations

import ssl
import time

import pytest

from cluster_lb.errors import SettingsError
from cluster_lb.settings.tls import ListenerTlsSettings
from cluster_lb.tls.front import check_listeners, files_of, load_front
from tests.doubles.certificates import Authority


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path)


def test_the_first_certificate_is_the_default(authority):
    settings = ListenerTlsSettings(tls=(authority.issue("a"), authority.issue("b", file="b")))
    front = load_front(settings, time.time())
    assert [one.names for one in front.certificates] == [("a",), ("b",)]
    assert front.context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_all_files_are_watched(authority):
    one = authority.issue("a")
    settings = ListenerTlsSettings(tls=(one,), client_certificates="required", client_ca="/ca.pem")
    assert files_of(settings) == (one.certificate, one.key, "/ca.pem")


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "cannot be read: No such file or directory"), ("x", "holds no certificates in PEM form")],
)
def test_a_bad_client_ca_is_named(authority, tmp_path, content, problem):
    ca = tmp_path / "clients.pem"
    if content is not None:
        ca.write_text(content)
    settings = ListenerTlsSettings(
        tls=(authority.issue("a"),), client_certificates="optional", client_ca=str(ca)
    )
    with pytest.raises(SettingsError, match=f"listeners.1: client_ca {ca}: {problem}"):
        check_listeners([ListenerTlsSettings(), settings], time.time())
