"""/v1/pools/P/servers: read the servers, register one (PUT, DELETE), change one for all nodes (PATCH)."""

from __future__ import annotations

from aiohttp import web

from cluster_lb.admin.bodies import Change, Registration, read_body
from cluster_lb.admin.reading import read_pool
from cluster_lb.admin.replies import aged
from cluster_lb.admin.resources import servers_json
from cluster_lb.admin.state import STATE
from cluster_lb.errors import InvalidValueError, NotFoundError
from cluster_lb.model.names import check_id, check_pool_name
from cluster_lb.model.server import ServerRecord


async def get_servers(request: web.Request) -> web.Response:
    reading, age_s = await read_pool(request.app[STATE], request.match_info["pool"])
    return aged({"servers": servers_json(reading)}, age_s)


async def put_server(request: web.Request) -> web.Response:
    """Registration and heartbeat in one, for servers that do not reach Redis; creates the pool."""
    pool, server_id = _named(request)
    body = await read_body(request, Registration)
    record = ServerRecord(
        server_id,
        body.parsed_address(),
        weight=body.weight,
        zone=body.zone,
        priority=body.priority,
        report=body.report,
        instance=body.instance,
        state=body.state,
        state_reason=body.state_reason,
    )
    epoch = await request.app[STATE].registry.register(pool, record, ttl_ms=int(body.ttl_s * 1000))
    return web.json_response({"pool": pool, "id": server_id, "epoch": epoch, "ttl_s": body.ttl_s})


async def delete_server(request: web.Request) -> web.Response:
    """The server leaves by itself: new exchanges stop at once, an operator's marks stay."""
    pool, server_id = _named(request)
    if not await request.app[STATE].registry.deregister(pool, server_id):
        raise _unknown(pool, server_id)
    return web.Response(status=204)


async def patch_server(request: web.Request) -> web.Response:
    """Answers with the server as it is in Redis after the change."""
    pool, server_id = _named(request)
    body = await read_body(request, Change)
    if body.admin_state is None and body.weight is None:
        raise InvalidValueError('nothing to change: send "admin_state" (READY, DRAIN, MAINT) or "weight"')
    registry = request.app[STATE].registry
    if body.admin_state is not None:
        await registry.set_admin_state(pool, server_id, body.admin_state)
    if body.weight is not None:
        await registry.set_weight(pool, server_id, body.weight)
    reading = await registry.read_pool(pool)
    for server in servers_json(reading) if reading else []:
        if server["id"] == server_id:
            return web.json_response(server)
    raise _unknown(pool, server_id)


def _named(request: web.Request) -> tuple[str, str]:
    return check_pool_name(request.match_info["pool"]), check_id(request.match_info["server"], "server")


def _unknown(pool: str, server_id: str) -> NotFoundError:
    return NotFoundError(f"pool {pool!r} has no server {server_id!r}")
