"""GET /: one static page that polls the API, with its style and script beside it. Nothing is loaded from
elsewhere, so it works offline; nothing in it is data, so it needs no token: it asks for one."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

_FOLDER = Path(__file__).parent
_FILES = {"dashboard.css", "dashboard.js", "format.js", "dom.js"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


async def get_page(request: web.Request) -> web.StreamResponse:
    return web.FileResponse(_FOLDER / "dashboard.html", headers=_HEADERS)


async def get_file(request: web.Request) -> web.StreamResponse:
    name = request.match_info["file"]
    if name not in _FILES:
        raise web.HTTPNotFound(text=f"{name!r}: the dashboard has no such file")
    return web.FileResponse(_FOLDER / name, headers=_HEADERS)
