"""GET /healthz: the process lives. GET /readyz: it may be sent traffic."""

from __future__ import annotations

from aiohttp import web

from cluster_lb import __version__
from cluster_lb.admin.state import STATE


async def get_healthz(request: web.Request) -> web.Response:
    state = request.app[STATE]
    return web.json_response(
        {"node": state.node_id, "version": __version__, "started_at_ms": state.started_at_ms}
    )


async def get_readyz(request: web.Request) -> web.Response:
    """200 while ready, else 503 with the reason: no snapshot yet, not listening yet, draining."""
    ready, reason = request.app[STATE].ready()
    return web.json_response({"ready": ready, "reason": reason}, status=200 if ready else 503)
