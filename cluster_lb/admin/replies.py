"""Answers in JSON: errors, and data with its age."""

from __future__ import annotations

import math
from typing import Any

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from cluster_lb.admin.resources import Json
from cluster_lb.errors import InvalidValueError, NotFoundError, StoreError, StoreUnavailableError

_log = structlog.get_logger("admin")


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error is `{"error": "..."}`: 400 and 404 are the client's, 503 passes with Redis, 500 is ours."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return error_json(error.status, _sentence(request, error), error.headers)
    except InvalidValueError as error:
        return error_json(400, str(error))
    except NotFoundError as error:
        return error_json(404, str(error))
    except StoreUnavailableError as error:
        return error_json(503, str(error), {"Retry-After": "1"})
    except StoreError as error:
        _log.error("request failed", path=request.path, error=str(error))
        return error_json(500, str(error))


def _sentence(request: web.Request, error: web.HTTPException) -> str:
    """What was wrong; aiohttp itself gives but the status of a path or a method that there is not."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        return f"{request.path} does not take {error.method}; use {', '.join(sorted(error.allowed_methods))}"
    if error.text == "404: Not Found":
        return f"there is nothing at {request.path}"
    return error.text or error.reason


async def sign(_: web.Request, response: web.StreamResponse) -> None:
    """Say what answers, and not of what versions it is made."""
    response.headers["Server"] = "cluster-lb"


def error_json(status: int, text: str, headers: Any = None) -> web.Response:
    """An error answer; of `headers` only what a client acts on is kept."""
    kept = {name: headers[name] for name in ("Allow", "Retry-After") if headers and name in headers}
    return web.json_response({"error": text}, status=status, headers=kept)


def aged(data: Json, age_s: float) -> web.Response:
    """`data` with its age: `age_s` (null: nothing was ever read) and the header Age in whole seconds."""
    if not math.isfinite(age_s):
        return web.json_response(data | {"age_s": None})
    return web.json_response(data | {"age_s": round(age_s, 3)}, headers={"Age": str(int(age_s))})
