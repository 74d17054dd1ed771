"""The certificate that every contender presents: self-signed, ECDSA P-256, made anew for each run."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

_DAYS = 2  # longer than any run


@dataclass(frozen=True)
class Identity:
    """PEM files. `combined` holds the certificate with its key, as HAProxy wants them."""

    certificate: Path
    key: Path
    combined: Path

    def client_context(self) -> ssl.SSLContext:
        """For a client that trusts this certificate and no other."""
        return ssl.create_default_context(cafile=self.certificate)


def make(openssl: str, folder: Path) -> Identity:
    """Makes a certificate for 127.0.0.1 in `folder` with the program `openssl`."""
    identity = Identity(folder / "site.pem", folder / "site.key", folder / "combined.pem")
    argv = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    argv += ["-days", str(_DAYS), "-subj", "/CN=localhost"]
    argv += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    argv += ["-keyout", str(identity.key), "-out", str(identity.certificate)]
    subprocess.run(argv, check=True, capture_output=True)
    identity.combined.write_bytes(identity.certificate.read_bytes() + identity.key.read_bytes())
    return identity
