"""What sticky cookies call a server: a token that no client can make, and that tells nothing of the server.

A token is an HMAC over the server's id, so every node makes the same one and none is kept anywhere. All
clients of a server carry the same: who has been there may come back, and nobody can choose another.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping

from cluster_lb.model.snapshot import Snapshot

_TOKEN_BYTES = 16  # 128 bits cannot be guessed (RFC 2104 section 5: half of the hash is enough)
TOKEN_CHARS = 22  # in base64

Tokens = Mapping[bytes, str]


def make_tokens(snapshot: Snapshot) -> tuple[Tokens, ...]:
    """For each secret, the one that signs first: token -> id, of the servers that take bound clients. Takes
    tens of milliseconds for thousands of servers."""
    ids = [server.id for server in snapshot.persistent]
    secrets = [secret.encode() for secret in snapshot.sticky_secrets]
    return tuple({_token(secret, server_id): server_id for server_id in ids} for secret in secrets)


def _token(secret: bytes, server_id: str) -> bytes:
    digest = hmac.digest(secret, server_id.encode("ascii"), "sha256")
    return base64.urlsafe_b64encode(digest[:_TOKEN_BYTES]).rstrip(b"=")
