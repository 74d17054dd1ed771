"""aiohttp over a `Dial`: probes of servers that want TLS or a PROXY header."""

from __future__ import annotations

from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from cluster_lb.dial import Dial
from cluster_lb.model.address import Address


class DialConnector(aiohttp.BaseConnector):
    """Connects to where a request's URL points, as the dial does."""

    def __init__(self, dial: Dial, keepalive_timeout_s: float) -> None:
        super().__init__(limit=0, keepalive_timeout=keepalive_timeout_s)
        self._dial = dial

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> ResponseHandler:
        key = req.connection_key
        try:
            _, protocol = await self._dial.connect(self._factory, Address(key.host, key.port), None)
        except OSError as error:
            raise aiohttp.ClientConnectorError(key, error) from error
        return protocol
