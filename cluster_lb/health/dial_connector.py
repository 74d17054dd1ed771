"""aiohttp over a `Dial`: probes of servers that want TLS or a PROXY header."""

from __future__ import annotations

from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from cluster_lb.dial import Dial
from cluster_lb.model.address import Address


class DialConnector(aiohttp.BaseConnector):
    """Connects every request to `address`, as aiohttp's own connector for Unix sockets does to its path."""

    def __init__(self, dial: Dial, address: Address) -> None:
        super().__init__(force_close=True, limit=0)
        self._dial = dial
        self._address = address

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> ResponseHandler:
        try:
            _, protocol = await self._dial.connect(self._factory, self._address, None)
        except OSError as error:
            raise aiohttp.ClientConnectorError(req.connection_key, error) from error
        return protocol
