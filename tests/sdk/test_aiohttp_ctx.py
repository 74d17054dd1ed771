"""A real aiohttp server that registers itself."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import ClientSession, web

from cluster_lb.errors import InvalidValueError
from cluster_lb.sdk.aiohttp_ctx import RegisteredContext, registered
from tests.doubles.ports import free_port
from tests.doubles.waiting import eventually
from tests.sdk.conftest import Pool


async def test_an_application_is_registered_while_it_runs(pool: Pool) -> None:
    app = web.Application()
    app.cleanup_ctx.append(registered("web", "127.0.0.1:9001", weight=2, **pool.redis))
    runner = web.AppRunner(app)
    await runner.setup()
    assert (await pool.servers())["127.0.0.1:9001"].weight == 2
    await runner.cleanup()
    assert not await pool.servers()


async def test_requests_in_flight_are_counted_until_they_end(pool: Pool) -> None:
    port, release = free_port(), asyncio.Event()
    context = registered("web", f"127.0.0.1:{port}", **pool.redis)
    runner = web.AppRunner(application(context, release))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    async with ClientSession(f"http://127.0.0.1:{port}") as client, asyncio.TaskGroup() as requests:
        requests.create_task(client.get("/"))
        requests.create_task(client.get("/missing"))
        await eventually(lambda: context.registration.in_flight == 1)
        release.set()
    assert context.registration.in_flight == 0
    await runner.cleanup()


def test_bad_values_are_refused_before_the_application_starts() -> None:
    with pytest.raises(InvalidValueError, match="weight 999"):
        registered("web", "127.0.0.1:9001", weight=999)


def test_nothing_waits_at_the_end_where_aiohttp_has_waited_already() -> None:
    assert registered("web", "127.0.0.1:9001").registration.drain_s == 0


def application(context: RegisteredContext, release: asyncio.Event) -> web.Application:
    async def wait(request: web.Request) -> web.Response:
        await release.wait()
        return web.Response()

    app = web.Application(middlewares=[context.count_requests])
    app.cleanup_ctx.append(context)
    app.router.add_get("/", wait)
    return app
