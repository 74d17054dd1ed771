"""Who may use the API: holders of the token, or with no token whoever is on this machine."""

from __future__ import annotations

import hmac

from aiohttp import web
from aiohttp.typedefs import Handler

from cluster_lb.admin.state import STATE
from cluster_lb.errors import InvalidValueError
from cluster_lb.model.address import Address


def _is_open(path: str) -> bool:
    # Probes of an orchestrator carry no token; the dashboard's files hold no data, its calls carry it.
    return path in ("/healthz", "/readyz", "/") or path.startswith("/dashboard/")


@web.middleware
async def check_access(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers 401 without the right `Authorization: Bearer TOKEN`, where a token is set."""
    token = request.app[STATE].token
    if _is_open(request.path):
        return await handler(request)
    if token and not _presents(request, token):
        raise web.HTTPUnauthorized(text="send the header 'Authorization: Bearer TOKEN' with node.admin_token")
    if not token and not _names_this_machine(request.host):
        raise web.HTTPForbidden(text=f"host {request.host!r} is not this machine; use 127.0.0.1 or localhost")
    return await handler(request)


def _presents(request: web.Request, token: str) -> bool:
    given = request.headers.get("Authorization", "")
    return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())


def _names_this_machine(host: str) -> bool:
    """Whether the Host header is a loopback one. A web page whose name was made to resolve to 127.0.0.1 (DNS
    rebinding) sends its own name here."""
    try:
        return Address.parse(host if _has_port(host) else f"{host}:80").is_loopback()
    except InvalidValueError:
        return False


def _has_port(host: str) -> bool:
    return host.rpartition(":")[2].isdigit() and not host.endswith("]")
