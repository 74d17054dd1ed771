"""Streams over a `Dial`, and a conversation on one, for probes that speak protocols of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from cluster_lb.clock import Clock
from cluster_lb.dial import Dial
from cluster_lb.health.observation import Observation, Word, connect_failure, ms_since
from cluster_lb.model.address import Address

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[tuple[Word, str]]]


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


async def conversation(
    address: Address, dial: Dial | None, timeout_s: float, clock: Clock, talk: Talk
) -> Observation:
    """What `talk` finds on a connection of its own, all of it within the timeout."""
    began = clock.monotonic()
    connected = False
    try:
        async with asyncio.timeout(timeout_s), opened(address, dial) as (reader, writer):
            connected = True
            word, detail = await talk(reader, writer)
            return Observation(word, detail, ms_since(began, clock))
    except TimeoutError:
        return Observation(Word.L7TOUT if connected else Word.L4TOUT, duration_ms=ms_since(began, clock))
    except OSError as error:
        if connected:
            return Observation(Word.L7RSP, "closed without an answer", ms_since(began, clock))
        return connect_failure(error, ms_since(began, clock))
