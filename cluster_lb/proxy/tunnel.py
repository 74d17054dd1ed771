"""What an exchange becomes after 101: bytes both ways, untouched, with back-pressure."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cluster_lb.proxy.ends import end_writing

if TYPE_CHECKING:
    from cluster_lb.proxy.exchange import Exchange
    from cluster_lb.proxy.upstream import UpstreamConnection


class Tunnel(asyncio.Protocol):
    """Takes the place of an `UpstreamConnection` as its transport's protocol; the client's side hands its
    bytes to `forward`. `since`: coarse monotonic time of the last byte either way."""

    __slots__ = ("_client_ended", "_exchange", "_server_ended", "_settled", "_upstream", "since")

    def __init__(self, exchange: Exchange, upstream: UpstreamConnection) -> None:
        self._exchange = exchange
        self._upstream = upstream
        self._client_ended = False
        self._server_ended = False
        self._settled = False
        self.since = exchange.pool.ticker.now
        exchange.pool.opened_tunnels += 1
        exchange.pool.open_tunnels += 1
        upstream.server.tunnels += 1

    def forward(self, data: bytes) -> None:
        """Bytes from the client."""
        self.since = self._exchange.pool.ticker.now
        self._exchange.body_bytes += len(data)
        self._upstream.transport.write(data)

    def forward_eof(self) -> None:
        """The client sends no more; the server may still."""
        self._client_ended = True
        transport = self._upstream.transport
        if self._server_ended or not transport.can_write_eof():  # TLS ends both ways at once
            transport.close()
        else:
            end_writing(transport)

    def data_received(self, data: bytes) -> None:
        self.since = self._exchange.pool.ticker.now
        self._exchange.on_response_data(data)

    def eof_received(self) -> bool:
        self._server_ended = True
        if not self._client_ended:
            self._exchange.client.end_writing()
        # Keep our side open, the client may still send; not with TLS, which ends both ways at once.
        return not self._client_ended and self._upstream.transport.can_write_eof()

    def pause_writing(self) -> None:
        self._exchange.client.pause_reading()

    def resume_writing(self) -> None:
        self._exchange.client.resume_reading()

    def cut(self) -> None:
        """End both ways at once."""
        self._upstream.transport.abort()

    @property
    def has_ended(self) -> bool:
        """Whether one side has said that it is done: what follows is no failure."""
        return self._client_ended or self._server_ended

    def abandon(self) -> None:
        """The client's connection is gone, and with it the exchange."""
        self._close_account()
        if self._client_ended:
            self._upstream.transport.close()  # its last words still go
        else:
            self.cut()

    def connection_lost(self, error: Exception | None) -> None:
        self._upstream.server.lost(self._upstream)
        if not self._settled:
            self._close_account()
            self._exchange.on_tunnel_end()

    def _close_account(self) -> None:
        self._settled = True
        self._exchange.pool.open_tunnels -= 1
        self._upstream.server.tunnels -= 1
