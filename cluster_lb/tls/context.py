"""The SSL context that everything here uses: what the ssl module's own does not do, in two places.

Reading: an SSLObject's `read`, `write` and `pending` are Python functions around those of the C object that
it holds; on a connection of small requests these calls are much of what TLS costs. Event loops call the
instance's attributes, so they are made the C functions themselves.

Sessions: `create_connection` has no parameter for the session to resume, so it travels in a context
variable, which loops hand on to where the TLS object is made.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_offered: ContextVar[ssl.SSLSession | None] = ContextVar("offered", default=None)


class Context(ssl.SSLContext):
    """As its base; see above."""

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        if not server_side:
            session = session or _offered.get()
        wrapped: Any = super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        inner = wrapped._sslobj
        wrapped.read, wrapped.write, wrapped.pending = inner.read, inner.write, inner.pending
        return wrapped  # type: ignore[no-any-return]


@contextmanager
def offering(session: ssl.SSLSession | None) -> Iterator[None]:
    """TLS connections that the current task begins offer to resume `session`."""
    token = _offered.set(session)
    try:
        yield
    finally:
        _offered.reset(token)


def reason(error: OSError) -> str:
    """Why a handshake failed, in few words: `certificate verify failed: self-signed certificate`."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return error.strerror or str(error) or "connection closed"
