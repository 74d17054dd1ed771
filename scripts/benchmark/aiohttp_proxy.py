"""A plain proxy as one writes it with aiohttp: its server, its client, a loop over the servers.

Usage: aiohttp_proxy.py PORT SERVER_PORT...
"""

import itertools
import sys
from collections.abc import AsyncIterator

import uvloop
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, web
from multidict import CIMultiDict, CIMultiDictProxy

HOP_BY_HOP = ("Connection", "Keep-Alive", "Transfer-Encoding", "TE", "Trailer", "Upgrade")


def end_to_end(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """The headers that pass through a proxy."""
    kept = CIMultiDict(headers)
    for name in HOP_BY_HOP:
        kept.popall(name, None)
    return kept


class Proxy:
    """Sends each request on to the next of `servers`, addresses like `http://127.0.0.1:9001`."""

    session: ClientSession

    def __init__(self, servers: list[str]) -> None:
        self.rotation = itertools.cycle(servers)

    async def client(self, _: web.Application) -> AsyncIterator[None]:
        """Keeps the client session open as long as the server runs."""
        async with ClientSession(
            connector=TCPConnector(limit=0),
            timeout=ClientTimeout(total=60, sock_connect=2),
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,
        ) as self.session:
            yield

    async def forward(self, request: web.Request) -> web.StreamResponse:
        headers = end_to_end(request.headers)
        headers.add("X-Forwarded-For", request.remote or "unknown")
        async with self.session.request(
            request.method,
            next(self.rotation) + request.raw_path,
            headers=headers,
            data=request.content if request.can_read_body else None,
            allow_redirects=False,
        ) as upstream:
            response = web.StreamResponse(status=upstream.status, headers=end_to_end(upstream.headers))
            await response.prepare(request)
            async for chunk in upstream.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response


def main(port: int, servers: list[int]) -> None:
    proxy = Proxy([f"http://127.0.0.1:{server}" for server in servers])
    app = web.Application(client_max_size=0)
    app.cleanup_ctx.append(proxy.client)
    app.router.add_route("*", "/{path:.*}", proxy.forward)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None, loop=uvloop.new_event_loop())


if __name__ == "__main__":
    main(int(sys.argv[1]), [int(port) for port in sys.argv[2:]])
