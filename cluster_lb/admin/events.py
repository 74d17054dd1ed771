"""GET /v1/events: changes as this node hears of them, as server-sent events."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict

from aiohttp import web

from cluster_lb.admin.hub import Event
from cluster_lb.admin.state import STATE

# A comment line in a silent stream, so that proxies do not end it (nginx proxy_read_timeout is 60 s), and so
# that a client that went away is noticed.
KEEP_ALIVE_S = 15.0


async def get_events(request: web.Request) -> web.StreamResponse:
    """The last events that the node kept, then each new one; `Last-Event-ID` goes on where a stream ended."""
    hub = request.app[STATE].events
    seen = _last_event_id(request)
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
    with suppress(ConnectionResetError):  # a closed tab is nobody's error
        await response.prepare(request)
        await response.write(b": the last events first\n\n")
        while not hub.closed:
            events = await hub.after(seen, KEEP_ALIVE_S)
            seen = events[-1].number if events else seen
            await response.write(b"".join(map(_encoded, events)) or b": keep-alive\n\n")
    return response


def _last_event_id(request: web.Request) -> int:
    given = request.headers.get("Last-Event-ID", "")
    return int(given) if given.isdecimal() and len(given) < 16 else 0


def _encoded(event: Event) -> bytes:
    data = json.dumps({"at_ms": event.at_ms, **asdict(event.hint)})
    return f"id: {event.number}\nevent: change\ndata: {data}\n\n".encode()
