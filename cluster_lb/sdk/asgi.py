"""The registration of an ASGI application (Starlette, FastAPI, ...), by its lifespan messages."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Unpack

from cluster_lb.errors import ClusterLBError
from cluster_lb.sdk.options import RegistrationOptions, with_no_drain
from cluster_lb.sdk.registration import Registration

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_log = logging.getLogger("cluster_lb.sdk")


class RegisteredApp:
    """`app`, registered in `pool` from the end of its startup to the beginning of its shutdown.

    Takes what `Registration` takes, and raises what it raises. Counts the requests in flight. `drain_s`
    is 0 by default: servers shut an application down when they have closed their listeners and ended
    their exchanges, so there is nothing to wait for.
    """

    def __init__(self, app: ASGIApp, pool: str, address: str, **options: Unpack[RegistrationOptions]) -> None:
        self.app = app
        self.registration = Registration(pool, address, **with_no_drain(options))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _Lifespan(self.app, self.registration, receive, send).run(scope)
            return
        self.registration.in_flight += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.registration.in_flight -= 1


class _Lifespan:
    """One run of the lifespan protocol, between the server and an application that may not speak it.

    The ASGI specification: an exception, or an end before `startup.complete`, says that an application
    does not speak it. Then this speaks in its place.
    """

    def __init__(self, app: ASGIApp, registration: Registration, receive: Receive, send: Send) -> None:
        self._app = app
        self._registration = registration
        self._server_receive = receive
        self._server_send = send
        self._received: set[str] = set()  # types of the server's messages so far, without `lifespan.`
        self._answered: set[str] = set()  # types of the answers to them so far

    async def run(self, scope: Scope) -> None:
        try:
            await self._run_app(scope)
            await self._speak_for_app()
        finally:
            await self._registration.drain()

    async def _run_app(self, scope: Scope) -> None:
        try:
            await self._app(scope, self._receive, self._send)
        except Exception as error:
            if self._answered:
                raise
            _log.info("the application does not speak lifespan: %r", error)

    async def _speak_for_app(self) -> None:
        if "startup.failed" in self._answered:
            return
        if "startup" not in self._received:
            await self._receive()
        if "startup.complete" not in self._answered:
            await self._send({"type": "lifespan.startup.complete"})
        if "shutdown" not in self._received:
            await self._receive()
        if not self._answered & {"shutdown.complete", "shutdown.failed"}:
            await self._send({"type": "lifespan.shutdown.complete"})

    async def _receive(self) -> Message:
        message = await self._server_receive()
        self._received.add(message["type"].removeprefix("lifespan."))
        if message["type"] == "lifespan.shutdown":
            await self._registration.drain()
        return message

    async def _send(self, message: Message) -> None:
        if "startup.failed" in self._answered:
            return  # an application that reports the same failure once more, on its way out
        if message["type"] == "lifespan.startup.complete":
            await self._register()
        await self._answer(message)

    async def _register(self) -> None:
        try:
            await self._registration.start()
        except ClusterLBError as error:
            await self._answer({"type": "lifespan.startup.failed", "message": str(error)})
            raise

    async def _answer(self, message: Message) -> None:
        self._answered.add(message["type"].removeprefix("lifespan."))
        await self._server_send(message)
