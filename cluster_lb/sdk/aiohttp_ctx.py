"""The registration of an aiohttp application, for its `cleanup_ctx`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Unpack

from aiohttp import web
from aiohttp.typedefs import Handler

from cluster_lb.sdk.options import RegistrationOptions, with_no_drain
from cluster_lb.sdk.registration import Registration


class RegisteredContext:
    """Registered while the application runs: append it to `app.cleanup_ctx`.

    Append `count_requests` to `app.middlewares` to have the requests in flight in the report.
    """

    def __init__(self, registration: Registration) -> None:
        self.registration = registration

    async def __call__(self, app: web.Application) -> AsyncIterator[None]:
        async with self.registration:
            yield

    @web.middleware
    async def count_requests(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.registration.in_flight += 1
        try:
            return await handler(request)
        finally:
            self.registration.in_flight -= 1


def registered(pool: str, address: str, **options: Unpack[RegistrationOptions]) -> RegisteredContext:
    """Takes what `Registration` takes, and raises what it raises.

    `drain_s` is 0 by default: aiohttp runs its cleanup when it has closed its listeners and ended its
    exchanges, so there is nothing to wait for.
    """
    return RegisteredContext(Registration(pool, address, **with_no_drain(options)))
