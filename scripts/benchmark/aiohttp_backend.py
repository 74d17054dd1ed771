"""A server that answers each path, and all below it, with so many bytes, once it has read the request's body.

Usage: aiohttp_backend.py PORT PATH=BYTES...
"""

import sys

import uvloop
from aiohttp import web


def main(port: int, sizes: dict[str, int]) -> None:
    bodies = {path: b"x" * size for path, size in sizes.items()}

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=next(body for path, body in bodies.items() if request.path.startswith(path)))

    app = web.Application()
    for path in bodies:
        app.router.add_route("*", path + "{below:.*}", answer)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None, loop=uvloop.new_event_loop())


if __name__ == "__main__":
    pairs = (argument.split("=") for argument in sys.argv[2:])
    main(int(sys.argv[1]), {path: int(size) for path, size in pairs})
