"""A certificate with its key, read from PEM files and checked before OpenSSL gets it.

OpenSSL's own errors name neither file nor reason; everything that an operator can get wrong is said here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from cluster_lb.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Certificate:
    """`path`, `key_path`: PEM files. `names`: the host names it is good for, in lower case, wildcards among
    them. `key_kind`: RSA, elliptic curve, ...: a client can use some kinds. `expires_at`: seconds since
    1970."""

    path: str
    key_path: str
    names: tuple[str, ...]
    key_kind: type[PublicKeyTypes]
    expires_at: float


def read_certificate(path: str, key_path: str, now: float) -> Certificate:
    """Read and check the files at `now`, seconds since 1970; an empty `key_path` is `path`. Raises
    SettingsError."""
    what = f"certificate {path}"
    leaf = _leaf(read_file(path, what), what)
    key_path = key_path or path
    whose = f"key {key_path} of certificate {path}"
    key = leaf.public_key()
    if _spki(key) != _spki(_public_key(read_file(key_path, whose), whose)):
        raise SettingsError(whose, "the key does not fit the certificate")
    _check_dates(leaf, now, what)
    return Certificate(path, key_path, _names(leaf), type(key), leaf.not_valid_after_utc.timestamp())


def read_file(path: str, what: str) -> bytes:
    """Its bytes. Raises SettingsError that names `what`."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise SettingsError(what, f"cannot be read: {error.strerror or error}") from None


def _leaf(data: bytes, what: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(data)[0]
    except ValueError:
        raise SettingsError(what, "holds no certificate in PEM form") from None


def _public_key(data: bytes, what: str) -> PublicKeyTypes:
    try:
        return load_pem_private_key(data, password=None).public_key()
    except TypeError:
        text = "is protected by a password, which nobody is there to type: store it without one"
        raise SettingsError(what, text) from None
    except (ValueError, UnsupportedAlgorithm):
        raise SettingsError(what, "holds no private key in PEM form") from None


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _check_dates(leaf: x509.Certificate, now: float, what: str) -> None:
    moment = datetime.fromtimestamp(now, UTC)
    if moment >= leaf.not_valid_after_utc:
        raise SettingsError(what, f"expired on {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
    if moment < leaf.not_valid_before_utc:
        raise SettingsError(what, f"is not valid before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC")


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    """Those of subjectAltName; only without any the common name (RFC 6125 section 6.4.4)."""
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = found.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        names = [str(name.value) for name in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return tuple(name.lower() for name in names)
