"""/v1/events as a browser reads it."""

from __future__ import annotations

import asyncio
import json

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from cluster_lb.admin.app import build_app
from cluster_lb.store.bus import Hint
from tests.doubles.waiting import eventually


async def next_event(stream) -> dict[str, str]:
    """The fields of the next event; comments are skipped."""
    while True:
        block = (await stream.readuntil(b"\n\n")).decode().strip()
        if not block.startswith(":"):
            return dict(line.split(": ", 1) for line in block.splitlines())


async def test_past_and_new_events_are_streamed(client, node):
    node.events.publish(Hint("web", 3, "mark", "s1", "persists"))
    async with client.get("/v1/events") as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        past = await next_event(answer.content)
        data = json.loads(past["data"])
        assert data.pop("at_ms") > 0
        assert (past["id"], past["event"]) == ("1", "change")
        assert data == {"pool": "web", "epoch": 3, "what": "mark", "server": "s1", "takes": "persists"}
        node.events.publish(Hint("web", 4, "verdict", "s1"))
        assert json.loads((await next_event(answer.content))["data"])["epoch"] == 4


async def test_a_stream_goes_on_where_it_ended(client, node):
    for epoch in (3, 4, 5):
        node.events.publish(Hint("web", epoch, "register"))
    async with client.get("/v1/events", headers={"Last-Event-ID": "2"}) as answer:
        assert (await next_event(answer.content))["id"] == "3"
    async with client.get("/v1/events", headers={"Last-Event-ID": "x"}) as answer:
        assert (await next_event(answer.content))["id"] == "1"


async def test_streams_end_when_the_api_shuts_down(node):
    server = TestServer(build_app(node.state()))
    async with TestClient(server) as client, client.get("/v1/events") as answer:
        assert (await answer.content.readuntil(b"\n\n")).startswith(b":")
        async with asyncio.timeout(5):
            await server.runner.shutdown()
            assert (await answer.content.read()).replace(b": keep-alive\n\n", b"") == b""


async def test_a_silent_stream_is_kept_alive(client, monkeypatch):
    monkeypatch.setattr("cluster_lb.admin.events.KEEP_ALIVE_S", 0.01)
    async with client.get("/v1/events") as answer:
        await answer.content.readuntil(b"\n\n")
        assert await answer.content.readuntil(b"\n\n") == b": keep-alive\n\n"


async def test_a_client_that_goes_away_is_nobodys_error(node, monkeypatch, caplog):
    monkeypatch.setattr("cluster_lb.admin.events.KEEP_ALIVE_S", 0.01)
    before = asyncio.all_tasks()
    # Run as the node runs it: aiohttp's TestServer would cancel the handler.
    runner = web.AppRunner(build_app(node.state()))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    await reader.readuntil(b": keep-alive\n\n")
    assert asyncio.all_tasks() > before
    writer.close()
    await eventually(lambda: asyncio.all_tasks() <= before)
    await runner.cleanup()
    assert caplog.records == []
