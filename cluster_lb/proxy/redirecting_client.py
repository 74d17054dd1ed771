"""A client of a listener that only sends people to HTTPS: 308, to the same host and path."""

from __future__ import annotations

from cluster_lb.proxy.client import ClientConnection
from cluster_lb.proxy.responses import own_response
from cluster_lb.routing.host import without_port
from cluster_lb.wire.errors import BadRequestError
from cluster_lb.wire.framing import Framing
from cluster_lb.wire.request_head import RequestFields


class RedirectingClient(ClientConnection):
    """Its requests are held to the same grammar and limits, and never become an exchange."""

    __slots__ = ()

    def _recall(self) -> None:
        """Nothing to be quick with: the common path leads to servers."""

    def _next(self) -> None:
        super()._next()
        self._ready = False

    def _start(
        self, method: bytes, target: bytes, request_line: bytes, fields: RequestFields, rest: bytes
    ) -> bytes:
        if fields.host is None or target == b"*":
            raise BadRequestError("nowhere to redirect to")
        listener = self.listener
        host, port = without_port(fields.host), listener.https_port
        location = b"https://" + host + (b":%d" % port if port != 443 else b"") + target
        close = fields.framing is not Framing.NONE or fields.close or self.draining
        close = close or request_line.endswith(b"HTTP/1.0\r\n")
        listener.ledger.redirect(self.peer)
        lines = b"Location: " + location + b"\r\n"
        self.transport.write(
            own_response(308, "use HTTPS", head_only=method == b"HEAD", close=close, lines=lines)
        )
        self.since = listener.ticker.now
        self._fresh = False
        if close:
            self._linger()
            return b""
        return rest
