"""What servers are told of a client's certificate: request header lines. The same from clients is removed
(wire.request_head), so a server may believe them."""

from __future__ import annotations

from base64 import b64encode
from functools import lru_cache

_NONE = b"X-Client-Cert-Verified: NONE\r\n"
_KEPT = 256  # clients come again: reading a certificate costs some 50 us


def identity_lines(certificate: bytes | None) -> bytes:
    """Lines for a client whose verified certificate is this (DER); None: it showed none.

    Client-Cert is RFC 9440's: the whole certificate. The others are for servers that need less: the subject
    after RFC 4514, the SHA-256 of the certificate in hexadecimal, and nginx's words for the outcome.
    """
    return _lines(certificate) if certificate else _NONE


@lru_cache(_KEPT)
def _lines(der: bytes) -> bytes:
    from cryptography import x509  # here: see front.load_front
    from cryptography.hazmat.primitives.hashes import SHA256

    certificate = x509.load_der_x509_certificate(der)
    subject = certificate.subject.rfc4514_string().encode("ascii", "backslashreplace")
    # Of a line break, which a name may hold, a header must not see anything.
    subject = bytes(byte if 0x20 <= byte < 0x7F else 0x3F for byte in subject)
    return b"".join(
        (
            b"X-Client-Cert-Verified: SUCCESS\r\n",
            b"X-Client-Cert-Subject: " + subject + b"\r\n",
            b"X-Client-Cert-Fingerprint: " + certificate.fingerprint(SHA256()).hex().encode() + b"\r\n",
            b"Client-Cert: :" + b64encode(der) + b":\r\n",
        )
    )
