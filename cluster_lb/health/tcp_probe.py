"""A TCP probe: a connection opens, and perhaps the server says what it should."""

from __future__ import annotations

import asyncio

from cluster_lb.clock import Clock
from cluster_lb.dial import Dial
from cluster_lb.health.observation import Observation, Word, connect_failure, ms_since
from cluster_lb.health.streams import conversation
from cluster_lb.model.address import Address
from cluster_lb.settings.health import HealthSettings, payload

MAX_ANSWER_BYTES = 16 * 1024  # in which `expect` is looked for (HAProxy: one buffer, 16 KiB)


async def connect(address: Address, timeout_s: float, clock: Clock, dial: Dial | None = None) -> Observation:
    """Open a connection and close it again."""
    began = clock.monotonic()
    try:
        async with asyncio.timeout(timeout_s):
            if dial is None:
                _, writer = await asyncio.open_connection(address.host, address.port)
                writer.close()
            else:
                transport, _ = await dial.connect(asyncio.Protocol, address, None)
                transport.close()
    except TimeoutError:
        return Observation(Word.L4TOUT, duration_ms=ms_since(began, clock))
    except OSError as error:
        return connect_failure(error, ms_since(began, clock))
    return Observation(Word.L4OK, duration_ms=ms_since(began, clock))


async def talk(address: Address, settings: HealthSettings, dial: Dial | None, clock: Clock) -> Observation:
    """Say `send`, and wait for `expect`, within the timeout."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[Word, str]:
        writer.write(payload(settings.send))
        return await _heard(reader, payload(settings.expect))

    return await conversation(address, dial, settings.timeout_s, clock, say)


async def _heard(reader: asyncio.StreamReader, expected: bytes) -> tuple[Word, str]:
    answer = b""
    while expected not in answer:
        if len(answer) >= MAX_ANSWER_BYTES:
            return Word.L7RSP, "another answer than expected"
        part = await reader.read(MAX_ANSWER_BYTES - len(answer))
        if not part:
            return Word.L7RSP, "another answer than expected" if answer else "closed without an answer"
        answer += part
    return Word.L7OK, ""
