"""A client over TLS: what differs from a plain one, and who it is by its certificate.

The ssl module cannot close one direction alone. So a client that ends its side gets no answer any more, and
in a tunnel the end of one side is the end of both.
"""

from __future__ import annotations

import asyncio
from typing import cast

from cluster_lb.proxy.client import ClientConnection
from cluster_lb.tls.identity import identity_lines

WRITE_HIGH_BYTES = 64 * 1024  # as plain connections have it; uvloop's own for TLS is 512 KiB


class SecureClient(ClientConnection):
    """One client behind a finished handshake."""

    __slots__ = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).set_write_buffer_limits(high=WRITE_HIGH_BYTES)
        if self.listener.asks_for_certificates:
            certificate = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
            self.identity = identity_lines(certificate)
        super().connection_made(transport)

    def eof_received(self) -> bool:
        super().eof_received()
        return False  # the loop closes in any case, and complains when asked not to

    def end_writing(self) -> None:
        if self.exchange is not None and self.exchange.tunnel is not None:
            self.transport.close()
