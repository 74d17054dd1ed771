"""An HTTP probe: one request, judged by the status and the body of its answer."""

from __future__ import annotations

import asyncio
from functools import lru_cache

import aiohttp
from yarl import URL

from cluster_lb.clock import Clock
from cluster_lb.health.observation import Observation, Word, connect_failure, ms_since
from cluster_lb.health.sessions import Progress
from cluster_lb.model.address import Address
from cluster_lb.routing.patterns import Finder
from cluster_lb.settings.health import HealthSettings, statuses

MAX_BODY_BYTES = 64 * 1024  # of an answer, that are read (HAProxy looks at one buffer, 16 KiB)


async def ask(
    address: Address, settings: HealthSettings, session: aiohttp.ClientSession, clock: Clock
) -> Observation:
    """Ask once, on a kept connection where there is one; `session` comes from `Sessions`."""
    progress = Progress()
    began = clock.monotonic()
    try:
        # Not aiohttp's timeout: it takes a cancellation in the same moment for its own and goes on.
        async with (
            asyncio.timeout(settings.timeout_s),
            session.request(
                settings.method,
                URL(f"http://{address}{settings.path}", encoded=True),
                headers={"Host": settings.host or str(address), **settings.headers},
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(),
                trace_request_ctx=progress,
            ) as response,
        ):
            progress.judged = await _judged(response, settings, began, clock)
            await _beginning(response)  # the rest is read only to keep the connection
            return progress.judged
    except (TimeoutError, aiohttp.ClientError) as error:
        return progress.judged or _failure(error, progress, ms_since(began, clock))


def _failure(error: Exception, progress: Progress, duration_ms: float) -> Observation:
    match error:
        case TimeoutError():
            return Observation(
                Word.L7TOUT if progress.has_connection else Word.L4TOUT, duration_ms=duration_ms
            )
        case aiohttp.ClientConnectorError():
            return connect_failure(error.os_error, duration_ms)
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
            return Observation(Word.L7RSP, "closed without an answer", duration_ms)
        case _:
            return Observation(Word.L7RSP, "invalid response", duration_ms)


async def _judged(
    response: aiohttp.ClientResponse, settings: HealthSettings, began: float, clock: Clock
) -> Observation:
    word, detail = Word.L7OK, str(response.status)
    if not any(response.status in statuses(text) for text in settings.expect_status):
        word = Word.L7STS
    elif settings.expect_body and not _finder(settings.expect_body).finds(await _beginning(response)):
        word, detail = Word.L7RSP, "the body has not what is expected"
    return Observation(word, detail, ms_since(began, clock))


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """The body, as much of it as is looked at; its connection is kept when that was all."""
    parts = bytearray()
    while len(parts) < MAX_BODY_BYTES and (part := await response.content.read(MAX_BODY_BYTES - len(parts))):
        parts += part
    return bytes(parts)


@lru_cache(maxsize=256)
def _finder(pattern: str) -> Finder:
    return Finder(pattern)
