"""Streams over a `Dial`, for probes that speak protocols of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cluster_lb.dial import Dial
from cluster_lb.model.address import Address


@asynccontextmanager
async def opened(
    address: Address, dial: Dial | None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to `address`, cut off at the end of the block; `dial`: how it is spoken to, None: plainly.
    Raises OSError."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(loop=loop)
    if dial is None:
        reader, writer = await asyncio.open_connection(address.host, address.port)
    else:
        transport, protocol = await dial.connect(
            lambda: asyncio.StreamReaderProtocol(reader, loop=loop), address, None
        )
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
