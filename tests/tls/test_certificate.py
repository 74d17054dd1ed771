"""What a certificate file is good for, and each way in which it is not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from cluster_lb.errors import SettingsError
from cluster_lb.tls.certificate import read_certificate
from tests.doubles.certificates import Authority

DAY_S = 86400.0


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path)


def test_its_names_and_its_end(authority):
    files = authority.issue("A.example", "*.b.example", "127.0.0.1", days=(-1, 30))
    found = read_certificate(files.certificate, files.key, time.time())
    assert found.names == ("a.example", "*.b.example")
    assert found.expires_at == pytest.approx(time.time() + 30 * DAY_S, abs=60)


def test_without_alternative_names_the_common_name_counts(authority):
    files = authority.issue(subject="Old.example")
    assert read_certificate(files.certificate, files.key, time.time()).names == ("old.example",)


def test_one_file_may_hold_both(authority, tmp_path):
    files = authority.issue("a.example")
    both = tmp_path / "both.pem"
    both.write_text(Path(files.certificate).read_text() + Path(files.key).read_text())
    assert read_certificate(str(both), "", time.time()).key_path == str(both)


def garbled(path: Path) -> None:
    path.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda a: (a.folder / "site.pem").unlink(), "certificate {}/site.pem: cannot be read: No such file"),
        (
            lambda a: garbled(a.folder / "site.pem"),
            "certificate {}/site.pem: holds no certificate in PEM form",
        ),
        (
            lambda a: (a.folder / "site.key").write_text("x"),
            "key {}/site.key of certificate {}/site.pem: holds no private key in PEM form",
        ),
        (
            lambda a: (
                a.issue("other", file="other") and (a.folder / "other.key").rename(a.folder / "site.key")
            ),
            "key {}/site.key of certificate {}/site.pem: the key does not fit the certificate",
        ),
        (
            lambda a: a.issue("a.example", password=b"secret"),
            "key {}/site.key of certificate {}/site.pem: is protected by a password",
        ),
        (lambda a: a.issue("a.example", days=(-9, -1)), "certificate {}/site.pem: expired on 20"),
        (lambda a: a.issue("a.example", days=(1, 9)), "certificate {}/site.pem: is not valid before 20"),
    ],
)
def test_what_is_wrong_is_named(authority, spoil, problem):
    files = authority.issue("a.example")
    spoil(authority)
    with pytest.raises(SettingsError) as raised:
        read_certificate(files.certificate, files.key, time.time())
    assert str(raised.value).startswith(problem.replace("{}", str(authority.folder)))
