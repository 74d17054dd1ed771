"""GET /v1/nodes: the live nodes of the cluster."""

from __future__ import annotations

from aiohttp import web

from cluster_lb.admin.reading import read_members
from cluster_lb.admin.replies import aged
from cluster_lb.admin.resources import node_json
from cluster_lb.admin.state import STATE


async def get_nodes(request: web.Request) -> web.Response:
    """`node` is the one that answers; `age_s`: how old this list is."""
    state = request.app[STATE]
    members, age_s = await read_members(state)
    nodes = [node_json(member) for member in members]
    return aged({"node": state.node_id, "nodes": nodes}, age_s)
