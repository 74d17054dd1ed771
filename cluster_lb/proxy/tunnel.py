"""What an exchange becomes after 101: bytes both ways, untouched, with back-pressure."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cluster_lb.proxy.exchange import Exchange
    from cluster_lb.proxy.upstream import UpstreamConnection


class Tunnel(asyncio.Protocol):
    """Takes the place of an `UpstreamConnection` as its transport's protocol; the client's side hands its
    bytes to `forward`. `since`: coarse monotonic time of the last byte either way."""

    __slots__ = ("_ended", "_exchange", "_upstream", "since")

    def __init__(self, exchange: Exchange, upstream: UpstreamConnection) -> None:
        self._exchange = exchange
        self._upstream = upstream
        self._ended = False
        self.since = exchange.pool.ticker.now

    def forward(self, data: bytes) -> None:
        """Bytes from the client."""
        self.since = self._exchange.pool.ticker.now
        self._exchange.body_bytes += len(data)
        self._upstream.transport.write(data)

    def forward_eof(self) -> None:
        """The client sends no more; the server may still."""
        if self._upstream.transport.can_write_eof():
            self._upstream.transport.write_eof()

    def data_received(self, data: bytes) -> None:
        self.since = self._exchange.pool.ticker.now
        self._exchange.on_response_data(data)

    def eof_received(self) -> bool:
        if self._exchange.client.transport.can_write_eof():
            self._exchange.client.transport.write_eof()
        return True  # keep our side open: the client may still send

    def pause_writing(self) -> None:
        self._exchange.client.pause_reading()

    def resume_writing(self) -> None:
        self._exchange.client.resume_reading()

    def close(self) -> None:
        """End both ways."""
        self._upstream.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._upstream.server.lost(self._upstream)
        if not self._ended:
            self._ended = True
            self._exchange.on_tunnel_end()
