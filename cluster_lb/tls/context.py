"""The SSL context that everything here uses: what the ssl module's own does not do, in three places.

Reading: event loops ask for 256 KiB at a time, and for each read so much memory is taken from the system and
given back. OpenSSL never returns more than a record, so no more is asked for: a small request costs some
20 us less. `write` and `pending` of an SSLObject are Python functions around those of the C object that it
holds; loops call the instance's attributes, so they are made the C functions themselves.

Sessions: `create_connection` has no parameter for the session to resume, so it travels in a context
variable, which loops hand on to where the TLS object is made.

Alerts: when a handshake fails, OpenSSL has an alert for the client, which says why; the event loops close the
connection and leave it unsent. So it is sent past them, on the socket in a second such variable.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import Any

_offered: ContextVar[ssl.SSLSession | None] = ContextVar("offered", default=None)
_accepted: ContextVar[socket.socket | None] = ContextVar("accepted", default=None)

RECORD_SIZE = 16 * 1024  # bytes of data in a record, at most (RFC 8446 section 5.1)

_REASONS = {"CALLBACK_FAILED": "no certificate for the name that was asked for"}  # front.pick is the callback


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
        wrapped.read, wrapped.write, wrapped.pending = _by_records(inner.read), inner.write, inner.pending
        sock = _accepted.get()
        if server_side and sock is not None:
            wrapped.do_handshake = partial(_shake_hands, inner.do_handshake, outgoing, sock)
        return wrapped  # type: ignore[no-any-return]


def _by_records(read: Callable[..., Any]) -> Callable[..., Any]:
    def read_record(size: int, buffer: memoryview | None = None) -> Any:
        if buffer is not None:
            return read(size, buffer)
        return read(RECORD_SIZE if size > RECORD_SIZE else size)

    return read_record


def _shake_hands(step: Callable[[], None], outgoing: ssl.MemoryBIO, sock: socket.socket) -> None:
    try:
        step()
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        raise
    except ssl.SSLError:
        with suppress(OSError):  # it is the client's loss
            sock.send(outgoing.read())
        raise


@contextmanager
def offering(session: ssl.SSLSession | None) -> Iterator[None]:
    """TLS connections that the current task begins offer to resume `session`."""
    token = _offered.set(session)
    try:
        yield
    finally:
        _offered.reset(token)


@contextmanager
def alerting(sock: socket.socket) -> Iterator[None]:
    """The TLS connection that the current task begins on `sock` tells its client why it failed."""
    token = _accepted.set(sock)
    try:
        yield
    finally:
        _accepted.reset(token)


def reason(error: OSError) -> str:
    """Why a handshake failed, in few words: `certificate verify failed: self-signed certificate`."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason:
        return _REASONS.get(error.reason) or error.reason.lower().replace("_", " ")
    return error.strerror or str(error) or "connection closed"
