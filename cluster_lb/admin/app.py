"""The admin API of one node: which path leads to which resource."""

from __future__ import annotations

from aiohttp import web

from cluster_lb.admin import dashboard, events, liveness, metrics, nodes, pools, servers
from cluster_lb.admin.access import check_access
from cluster_lb.admin.replies import errors_as_json, sign
from cluster_lb.admin.state import STATE, AdminState

# Our largest body, a registration with a full report, is under 1 KiB.
MAX_BODY_BYTES = 64 * 1024

_SERVER = "/v1/pools/{pool}/servers/{server}"


def build_app(state: AdminState) -> web.Application:
    """The application that a node serves on `node.admin`. Its shutdown ends the event streams."""
    app = web.Application(middlewares=[errors_as_json, check_access], client_max_size=MAX_BODY_BYTES)
    app[STATE] = state
    app.on_response_prepare.append(sign)
    app.on_shutdown.append(_end_streams)
    app.add_routes(
        [
            web.get("/healthz", liveness.get_healthz),
            web.get("/readyz", liveness.get_readyz),
            web.get("/metrics", metrics.get_metrics),
            web.get("/v1/nodes", nodes.get_nodes),
            web.get("/v1/pools", pools.get_pools),
            web.get("/v1/pools/{pool}", pools.get_pool),
            web.get("/v1/pools/{pool}/servers", servers.get_servers),
            web.put(_SERVER, servers.put_server),
            web.delete(_SERVER, servers.delete_server),
            web.patch(_SERVER, servers.patch_server),
            web.get("/v1/events", events.get_events),
            web.get("/", dashboard.get_page),
            web.get("/dashboard/{file}", dashboard.get_file),
        ]
    )
    return app


async def _end_streams(app: web.Application) -> None:
    app[STATE].events.close()
