"""One probe of one server: connects, perhaps asks, and returns an observation. Never writes anything."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import aiohttp
from yarl import URL

from cluster_lb import __version__
from cluster_lb.clock import Clock
from cluster_lb.dial import Dial
from cluster_lb.health.dial_connector import DialConnector
from cluster_lb.health.observation import Observation, Word, connect_failure
from cluster_lb.model.address import Address
from cluster_lb.model.server import Server
from cluster_lb.settings.schema import HealthSettings

HELD_UP_S = 0.25  # later than this after its timeout, a probe says nothing of the server


async def probe(
    server: Server,
    settings: HealthSettings,
    dial: Dial | None,
    session: aiohttp.ClientSession,
    clock: Clock,
) -> Observation:
    """Probe `server` once, within `settings.timeout_s` in all; `dial`: how it is spoken to, None: plainly.
    `session` comes from `new_session`."""
    if settings.kind != "http":
        observation = await connect(server.address, settings.timeout_s, clock, dial)
    elif dial is None:
        observation = await _get(server.address, settings, session, clock)
    else:
        async with new_session(DialConnector(dial, server.address)) as own:
            observation = await _get(server.address, settings, own, clock)
    if _held_up(observation, settings.timeout_s):
        return Observation(Word.SOCKERR, "this machine was held up", observation.duration_ms)
    if observation.ok and 0 < settings.slow_ms < observation.duration_ms:
        return Observation(Word.SLOW, f"{observation.duration_ms:.0f} ms", observation.duration_ms)
    return observation


def _held_up(observation: Observation, timeout_s: float) -> bool:
    # A timeout that fires late was late because this process was: the answer may have been there in time.
    timed_out = observation.word in (Word.L4TOUT, Word.L7TOUT)
    return timed_out and observation.duration_ms > (timeout_s + HELD_UP_S) * 1000


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
        return Observation(Word.L4TOUT, duration_ms=_ms_since(began, clock))
    except OSError as error:
        return connect_failure(error, _ms_since(began, clock))
    return Observation(Word.L4OK, duration_ms=_ms_since(began, clock))


def new_session(connector: aiohttp.BaseConnector | None = None) -> aiohttp.ClientSession:
    """What HTTP probes share: each takes a new connection, there is no limit, no cookie is kept."""
    trace = aiohttp.TraceConfig()
    trace.on_connection_create_start.append(_ask_once)
    trace.on_connection_create_end.append(_connected)
    return aiohttp.ClientSession(
        connector=connector or aiohttp.TCPConnector(force_close=True, limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": f"cluster-lb/{__version__}", "Accept": "*/*"},
        skip_auto_headers=("Accept-Encoding",),
        trace_configs=[trace],
    )


class _Progress:
    """How far one request got: tells L4 from L7 when it times out."""

    connected = False


async def _connected(session: aiohttp.ClientSession, context: SimpleNamespace, params: Any) -> None:
    context.trace_request_ctx.connected = True


async def _ask_once(session: aiohttp.ClientSession, context: SimpleNamespace, params: Any) -> None:
    # aiohttp repeats a GET whose connection ended without an answer; a probe is one question.
    if context.trace_request_ctx.connected:
        raise aiohttp.ServerDisconnectedError


async def _get(
    address: Address, settings: HealthSettings, session: aiohttp.ClientSession, clock: Clock
) -> Observation:
    progress = _Progress()
    began = clock.monotonic()
    try:
        # Not aiohttp's timeout: it takes a cancellation in the same moment for its own and goes on.
        async with (
            asyncio.timeout(settings.timeout_s),
            session.get(
                URL(f"http://{address}{settings.path}", encoded=True),
                headers={"Host": str(address)},
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(),
                trace_request_ctx=progress,
            ) as response,
        ):
            return _judge(response.status, _ms_since(began, clock))
    except TimeoutError:
        word = Word.L7TOUT if progress.connected else Word.L4TOUT
        return Observation(word, duration_ms=_ms_since(began, clock))
    except aiohttp.ClientConnectorError as error:
        return connect_failure(error.os_error, _ms_since(began, clock))
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
        return Observation(Word.L7RSP, "closed without an answer", _ms_since(began, clock))
    except aiohttp.ClientError:
        return Observation(Word.L7RSP, "invalid response", _ms_since(began, clock))


def _judge(status: int, duration_ms: float) -> Observation:
    # HAProxy's httpchk too takes any 2xx or 3xx as good.
    return Observation(Word.L7OK if 200 <= status < 400 else Word.L7STS, str(status), duration_ms)


def _ms_since(began: float, clock: Clock) -> float:
    return (clock.monotonic() - began) * 1000
