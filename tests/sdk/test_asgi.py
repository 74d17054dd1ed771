"""The lifespan wrapper, driven with the messages that an ASGI server sends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from cluster_lb.errors import InvalidValueError
from cluster_lb.sdk.asgi import ASGIApp, Message, Receive, RegisteredApp, Scope, Send
from tests.doubles.waiting import eventually
from tests.sdk.conftest import Pool

ADDRESS = "127.0.0.1:9001"
STARTED = {"type": "lifespan.startup.complete"}
STOPPED = {"type": "lifespan.shutdown.complete"}


class Server:
    """An ASGI server's side of a lifespan: `say` sends to the application, `heard` is what it answered."""

    def __init__(self, app: ASGIApp) -> None:
        self.heard: list[Message] = []
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        self.task = asyncio.ensure_future(self._run(app, scope))

    async def _run(self, app: ASGIApp, scope: Scope) -> None:
        await app(scope, self._messages.get, self._hear)

    async def _hear(self, message: Message) -> None:
        self.heard.append(message)

    async def say(self, event: str) -> Message:
        """Send `lifespan.<event>` and return the answer."""
        answers = len(self.heard)
        self._messages.put_nowait({"type": f"lifespan.{event}"})
        await eventually(lambda: len(self.heard) > answers or self.task.done())
        return self.heard[answers]


async def test_a_starlette_application_is_registered_between_its_startup_and_its_shutdown(
    pool: Pool,
) -> None:
    seen: dict[str, bool] = {}

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, str]]:
        seen["starting"] = bool(await pool.servers())
        yield {"database": "open"}
        seen["stopping"] = bool(await pool.servers())

    server = Server(RegisteredApp(Starlette(lifespan=lifespan), "web", ADDRESS, **pool.redis))
    assert await server.say("startup") == STARTED
    assert list(await pool.servers()) == [ADDRESS]
    assert await server.say("shutdown") == STOPPED
    await server.task
    assert seen == {"starting": False, "stopping": False}
    assert server.heard == [STARTED, STOPPED]


async def raises_at_once(scope: Scope, receive: Receive, send: Send) -> None:
    raise KeyError("path")


async def raises_after_reading(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    raise AssertionError("http only")


async def returns_at_once(scope: Scope, receive: Receive, send: Send) -> None:
    return


async def returns_when_started(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})


@pytest.mark.parametrize("app", [raises_at_once, raises_after_reading, returns_at_once, returns_when_started])
async def test_an_application_that_does_not_speak_lifespan_is_spoken_for(pool: Pool, app: ASGIApp) -> None:
    server = Server(RegisteredApp(app, "web", ADDRESS, **pool.redis))
    assert await server.say("startup") == STARTED
    assert await pool.servers()
    assert await server.say("shutdown") == STOPPED
    await server.task
    assert not await pool.servers()
    assert server.heard == [STARTED, STOPPED]


async def test_an_application_that_fails_to_start_is_not_registered(pool: Pool) -> None:
    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    server = Server(RegisteredApp(fails, "web", ADDRESS, **pool.redis))
    assert await server.say("startup") == {"type": "lifespan.startup.failed", "message": "no database"}
    await server.task
    assert not await pool.servers()


async def test_a_refused_registration_fails_the_startup_with_its_reason(pool: Pool) -> None:
    await pool.allow("10.0.0.0/8")
    server = Server(RegisteredApp(Starlette(), "web", ADDRESS, **pool.redis))
    answer = await server.say("startup")
    assert answer["type"] == "lifespan.startup.failed"
    assert "allows 10.0.0.0/8 only" in answer["message"]
    with pytest.raises(InvalidValueError):
        await server.task
    assert len(server.heard) == 1


async def test_an_application_that_breaks_while_it_serves_leaves(pool: Pool) -> None:
    broken = asyncio.Event()

    async def breaks(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await broken.wait()
        raise RuntimeError("broken")

    server = Server(RegisteredApp(breaks, "web", ADDRESS, **pool.redis))
    await server.say("startup")
    assert await pool.servers()
    broken.set()
    with pytest.raises(RuntimeError, match="broken"):
        await server.task
    assert not await pool.servers()


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_requests_in_flight_are_counted_until_they_end(kind: str) -> None:
    release = asyncio.Event()

    async def serves(scope: Scope, receive: Receive, send: Send) -> None:
        await release.wait()
        raise ConnectionError("the client went away")

    app = RegisteredApp(serves, "web", ADDRESS)
    request = asyncio.ensure_future(app({"type": kind}, never, ignore))
    await eventually(lambda: app.registration.in_flight == 1)
    release.set()
    with pytest.raises(ConnectionError):
        await request
    assert app.registration.in_flight == 0


async def test_requests_reach_the_application_unchanged() -> None:
    async def hello(request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    heard: list[Message] = []

    async def hear(message: Message) -> None:
        heard.append(message)

    app = RegisteredApp(Starlette(routes=[Route("/", hello)]), "web", ADDRESS)
    scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
    await app(scope, never, hear)
    assert [message["type"] for message in heard] == ["http.response.start", "http.response.body"]
    assert heard[1]["body"] == b"hello"


async def never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def ignore(message: Message) -> None:
    return
