"""An authority of a test's own, and the certificates that it signs, as PEM files."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from cluster_lb.settings.tls import CertificateSettings


class Authority:
    """Its own certificate is `folder/NAME.pem`."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self.folder = folder
        self.path = folder / f"{name}.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(self._name, self._name, self._key, days=(-1, 365))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        certificate = builder.sign(self._key, SHA256())
        self._identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        self.path.write_bytes(certificate.public_bytes(Encoding.PEM))

    def issue(
        self,
        *names: str,
        file: str = "site",
        subject: str = "",
        days: tuple[float, float] = (-1, 365),
        password: bytes = b"",
        with_rsa: bool = False,
    ) -> CertificateSettings:
        """A certificate for host names and IP addresses in `file`.pem, its key in `file`.key; `days`: from
        when to when, from now. `with_rsa`: not with elliptic curves."""
        key = rsa.generate_private_key(65537, 2048) if with_rsa else ec.generate_private_key(ec.SECP256R1())
        common = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject or names[0])])
        builder = _builder(common, self._name, key, days)
        builder = builder.add_extension(self._identifier, critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(map(_general, names)), critical=False)
        certificate = builder.sign(self._key, SHA256())
        path, key_path = self.folder / f"{file}.pem", self.folder / f"{file}.key"
        path.write_bytes(certificate.public_bytes(Encoding.PEM))
        protection = BestAvailableEncryption(password) if password else NoEncryption()
        key_path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection))
        return CertificateSettings(certificate=str(path), key=str(key_path))

    def client_context(self, shown: CertificateSettings | None = None) -> ssl.SSLContext:
        """What a client uses that trusts this authority, and shows a certificate."""
        context = ssl.create_default_context(cafile=str(self.path))
        if shown is not None:
            context.load_cert_chain(shown.certificate, shown.key)
        return context

    def server_context(self, shown: CertificateSettings, *, asks: bool = False) -> ssl.SSLContext:
        """What a server uses; `asks`: for clients' certificates of this authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(shown.certificate, shown.key)
        if asks:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(str(self.path))
        return context


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    days: tuple[float, float],
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
