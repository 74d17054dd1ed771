"""GET /v1/pools, GET /v1/pools/P: pools with their servers."""

from __future__ import annotations

from aiohttp import web

from cluster_lb.admin.reading import read_pool, read_pools
from cluster_lb.admin.replies import aged
from cluster_lb.admin.resources import pool_json
from cluster_lb.admin.state import STATE


async def get_pools(request: web.Request) -> web.Response:
    readings, age_s = await read_pools(request.app[STATE])
    return aged({"pools": [pool_json(reading) for reading in readings]}, age_s)


async def get_pool(request: web.Request) -> web.Response:
    reading, age_s = await read_pool(request.app[STATE], request.match_info["pool"])
    return aged(pool_json(reading), age_s)
