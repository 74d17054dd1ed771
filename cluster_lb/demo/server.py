"""A server of the demo, as a program: `python -m cluster_lb.demo.server --id s1 --port 9001 --redis URL`.

It registers itself in one line, and answers each request with its id and its pid.
"""

from __future__ import annotations

import argparse
import os

from aiohttp import web

from cluster_lb.sdk.aiohttp_ctx import registered


def build_app(server_id: str, address: str, redis: str, weight: int, zone: str = "") -> web.Application:
    """The application, registered in pool `web` as `address` while it runs."""
    app = web.Application()
    context = registered("web", address, id=server_id, redis=redis, weight=weight, zone=zone)
    app.cleanup_ctx.append(context)
    app.middlewares.append(context.count_requests)

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=f"{server_id} {os.getpid()}\n")

    async def healthz(request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    app.router.add_get("/healthz", healthz)
    app.router.add_route("*", "/{path:.*}", answer)
    return app


def main() -> None:
    parser = argparse.ArgumentParser(prog="cluster_lb.demo.server", description=__doc__)
    parser.add_argument("--id", required=True)
    parser.add_argument("--host", default="127.0.0.1", help="where it listens, and nodes reach it")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--redis", required=True)
    parser.add_argument("--weight", type=int, default=1)
    parser.add_argument("--zone", default="")
    given = parser.parse_args()
    app = build_app(given.id, f"{given.host}:{given.port}", given.redis, given.weight, given.zone)
    web.run_app(app, host=given.host, port=given.port, access_log=None, print=None)


if __name__ == "__main__":
    main()
