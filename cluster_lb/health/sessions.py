"""The connections that HTTP probes keep: one session of aiohttp for each way to speak to servers."""

from __future__ import annotations

from types import SimpleNamespace, TracebackType
from typing import Any, Self

import aiohttp

from cluster_lb import __version__
from cluster_lb.dial import Dial
from cluster_lb.health.dial_connector import DialConnector
from cluster_lb.health.observation import Observation

KEPT_S = 75.0  # an unused connection; servers give theirs up earlier (nginx keepalive_timeout: 75 s)


class Progress:
    """How far one request got: tells L4 from L7 when it times out. `connected`: by a connection of its own;
    `has_connection`: by that, or by a kept one. `judged`: what the answer says, once that is known."""

    connected = False
    has_connection = False
    judged: Observation | None = None


class Sessions:
    """Sessions by dial; None: plain connections. An async context manager that closes them."""

    def __init__(self) -> None:
        self._by_dial: dict[Dial | None, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for session in self._by_dial.values():
            await session.close()
        self._by_dial.clear()

    def of(self, dial: Dial | None) -> aiohttp.ClientSession:
        """The session for servers that are spoken to through `dial`."""
        if dial not in self._by_dial:
            self._by_dial[dial] = _new_session(dial)
        return self._by_dial[dial]


def _new_session(dial: Dial | None) -> aiohttp.ClientSession:
    """Without a limit, and without cookies. A request on it names its `Progress` as `trace_request_ctx`."""
    trace = aiohttp.TraceConfig()
    trace.on_connection_create_start.append(_ask_once)
    trace.on_connection_create_end.append(_connected)
    trace.on_connection_reuseconn.append(_reused)
    return aiohttp.ClientSession(
        connector=(
            aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_S)
            if dial is None
            else DialConnector(dial, KEPT_S)
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": f"cluster-lb/{__version__}", "Accept": "*/*"},
        skip_auto_headers=("Accept-Encoding",),
        trace_configs=[trace],
    )


async def _connected(session: aiohttp.ClientSession, context: SimpleNamespace, params: Any) -> None:
    context.trace_request_ctx.connected = True
    context.trace_request_ctx.has_connection = True


async def _reused(session: aiohttp.ClientSession, context: SimpleNamespace, params: Any) -> None:
    context.trace_request_ctx.has_connection = True


async def _ask_once(session: aiohttp.ClientSession, context: SimpleNamespace, params: Any) -> None:
    # aiohttp repeats a request whose connection ended without an answer. On a kept one that is right: the
    # server may have given it up in that moment. On a new one it was the answer: a probe is one question.
    if context.trace_request_ctx.connected:
        raise aiohttp.ServerDisconnectedError
    context.trace_request_ctx.has_connection = False
