"""Which kind of client connection a listener's clients are, decided once, by its settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cluster_lb.proxy.client import ClientConnection
from cluster_lb.proxy.redirecting_client import RedirectingClient
from cluster_lb.proxy.secure_client import SecureClient
from cluster_lb.settings.schema import ListenerSettings
from cluster_lb.wire.proxy_protocol import Endpoints

if TYPE_CHECKING:
    from cluster_lb.proxy.listener import Listener


def client_maker(listener: Listener, settings: ListenerSettings) -> Callable[..., ClientConnection]:
    """Makes a client connection; what a PROXY header said of it is the one argument, if there was one."""
    kind: type[ClientConnection] = ClientConnection
    if settings.tls:
        kind = SecureClient
    elif settings.redirect_to_https:
        kind = RedirectingClient

    def make(endpoints: Endpoints | None = None) -> ClientConnection:
        return kind(listener, endpoints)

    return make


def hsts_line(max_age_s: int) -> bytes:
    """Strict-Transport-Security (RFC 6797), as a line of a response; empty for 0."""
    return b"Strict-Transport-Security: max-age=%d\r\n" % max_age_s if max_age_s else b""
