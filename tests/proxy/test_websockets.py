"""WebSockets of a library on both sides: what they say to one another is as if nothing stood between."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from typing import NamedTuple

import aiohttp
import pytest
from aiohttp import WSMsgType, web

from cluster_lb.model.address import Address
from tests.doubles.certificates import Authority
from tests.doubles.waiting import eventually

LARGE = bytes(range(256)) * (32 * 1024)  # 8 MiB: no buffer on the way holds it
OPTIONS = {"autoping": False, "autoclose": False, "max_msg_size": 2 * len(LARGE)}


class ServerSide(NamedTuple):
    """The server's end of one WebSocket."""

    socket: web.WebSocketResponse
    request: web.Request

    def write(self, *frames: bytes) -> None:
        """Send frames as they are."""
        for frame in frames:
            self.request.transport.write(frame)


class Sockets:
    """A WebSocket server behind a balancer. `slow_ends`: when it answers GET /slow."""

    def __init__(self, balancer, context: ssl.SSLContext | None) -> None:
        self.balancer = balancer
        self.slow_ends = asyncio.Event()
        self._context = context
        self._accepted: asyncio.Queue[ServerSide] = asyncio.Queue()
        self._over = asyncio.Event()

    @asynccontextmanager
    async def running(self):
        app = web.Application()
        app.router.add_get("/", self._serve)
        app.router.add_get("/slow", self._slow)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.balancer.adopt(Address(*runner.addresses[0][:2]))
        try:
            async with aiohttp.ClientSession() as self.session:
                yield self
        finally:
            self._over.set()
            await runner.cleanup()

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        server = web.WebSocketResponse(**OPTIONS)
        await server.prepare(request)
        self._accepted.put_nowait(ServerSide(server, request))
        await self._over.wait()
        return server

    async def _slow(self, request: web.Request) -> web.Response:
        await self.slow_ends.wait()
        return web.Response(text="done")

    @property
    def where(self) -> dict[str, object]:
        """How clients get here."""
        if self._context is None:
            return {}
        return {"ssl": self._context, "server_hostname": "a.example"}

    def url(self, scheme: str, path: str = "/") -> str:
        secure = "s" if self._context else ""
        return f"{scheme}{secure}://127.0.0.1:{self.balancer.listener.address.port}{path}"

    async def open(self) -> tuple[aiohttp.ClientWebSocketResponse, ServerSide]:
        """The two ends of a new WebSocket."""
        client = await self.session.ws_connect(self.url("ws"), **self.where, **OPTIONS)
        return client, await self._accepted.get()

    async def ended(self) -> None:
        """Return when no tunnel is left."""
        await eventually(lambda: not self.balancer.pool.open_tunnels)
        await eventually(lambda: not self.balancer.live().load)


@pytest.fixture(params=["plain", "tls"])
async def sockets(request, start, tmp_path):
    """A server, behind a listener without and with TLS."""
    options, context = {}, None
    if request.param == "tls":
        authority = Authority(tmp_path)
        options, context = {"tls": [authority.issue("a.example")]}, authority.client_context()
    async with Sockets(await start(**options), context).running() as running:
        yield running


def masked(first: int, payload: bytes) -> bytes:
    """A short frame as clients send them; `first`: its first byte (FIN and opcode)."""
    return bytes([first, 0x80 | len(payload)]) + bytes(4) + payload


async def test_messages_pass_whole_whatever_their_size(sockets):
    client, server = await sockets.open()
    for data in b"", b"x", bytes(126), bytes(65536), LARGE:
        sending = asyncio.ensure_future(client.send_bytes(data))
        assert await server.socket.receive_bytes() == data
        await sending
        sending = asyncio.ensure_future(server.socket.send_bytes(data))
        assert await client.receive_bytes() == data
        await sending
    await client.send_str("Grüße")
    assert await server.socket.receive_str() == "Grüße"


async def test_large_messages_pass_both_ways_at_once(sockets):
    client, server = await sockets.open()
    _, _, there, back = await asyncio.gather(
        client.send_bytes(LARGE),
        server.socket.send_bytes(LARGE),
        server.socket.receive_bytes(),
        client.receive_bytes(),
    )
    assert there == back == LARGE


async def test_fragments_of_the_server_stay_fragments_with_a_ping_between_them(sockets):
    client, server = await sockets.open()
    server.write(b"\x01\x03one", b"\x89\x04ping", b"\x00\x03two", b"\x80\x05three")
    ping, message = await client.receive(), await client.receive()
    assert (ping.type, ping.data) == (WSMsgType.PING, b"ping")
    assert (message.type, message.data) == (WSMsgType.TEXT, "onetwothree")


async def test_fragments_of_the_client_stay_fragments_with_a_ping_between_them(sockets):
    client, server = await sockets.open()
    frames = masked(0x01, b"one"), masked(0x89, b"ping"), masked(0x00, b"two"), masked(0x80, b"three")
    for frame in frames:
        client._conn.transport.write(frame)
    ping, message = await server.socket.receive(), await server.socket.receive()
    assert (ping.type, ping.data) == (WSMsgType.PING, b"ping")
    assert (message.type, message.data) == (WSMsgType.TEXT, "onetwothree")


@pytest.mark.parametrize("asker", ["client", "server"])
async def test_pings_are_answered_by_the_other_side_and_not_on_the_way(sockets, asker):
    client, server = await sockets.open()
    one, other = (client, server.socket) if asker == "client" else (server.socket, client)
    await one.ping(b"are you there")
    ping = await other.receive()
    assert (ping.type, ping.data) == (WSMsgType.PING, b"are you there")
    await other.pong(ping.data)
    pong = await one.receive()
    assert (pong.type, pong.data) == (WSMsgType.PONG, b"are you there")


@pytest.mark.parametrize("closer", ["client", "server"])
async def test_the_close_code_and_its_reason_arrive_and_the_end_is_nobodys_failure(sockets, closer, events):
    client, server = await sockets.open()
    one, other = (client, server.socket) if closer == "client" else (server.socket, client)
    closing = asyncio.ensure_future(one.close(code=4001, message=b"enough"))
    close = await other.receive()
    assert (close.type, close.data, close.extra) == (WSMsgType.CLOSE, 4001, "enough")
    await other.close(code=4002, message=b"so be it")
    await closing
    assert one.close_code == 4002
    await sockets.ended()
    assert await sockets.balancer.line() == '"GET /" 101 web/s0 attempts=1'
    assert events == []


async def test_a_client_that_is_cut_off_ends_its_server(sockets):
    client, server = await sockets.open()
    client._conn.transport.abort()
    assert (await server.socket.receive()).type in (WSMsgType.CLOSED, WSMsgType.CLOSING, WSMsgType.ERROR)
    assert server.socket.close_code == 1006  # "abnormal closure": no close frame came
    await sockets.ended()


async def test_a_server_that_is_cut_off_ends_its_client(sockets):
    client, server = await sockets.open()
    server.request.transport.abort()
    assert (await client.receive()).type in (WSMsgType.CLOSED, WSMsgType.CLOSING, WSMsgType.ERROR)
    assert client.close_code == 1006
    await sockets.ended()


async def test_pings_keep_a_socket_open_and_silence_ends_it(sockets):
    client, server = await sockets.open()
    balancer = sockets.balancer
    for _ in range(3):
        balancer.advance(3000)
        await client.ping()
        assert (await server.socket.receive()).type is WSMsgType.PING
    balancer.advance(3599)
    await server.socket.send_str("still here")
    assert await client.receive_str() == "still here"
    balancer.advance(3601)
    await client.receive()
    await server.socket.receive()
    assert (client.close_code, server.socket.close_code) == (1006, 1006)
    await sockets.ended()


async def test_sockets_are_counted(sockets):
    pool = sockets.balancer.pool
    ends = [await sockets.open() for _ in range(3)]
    assert (pool.open_tunnels, pool.opened_tunnels) == (3, 3)
    ends[0][0]._conn.transport.abort()
    await eventually(lambda: pool.open_tunnels == 2)
    ends[1][1].request.transport.abort()
    await eventually(lambda: pool.open_tunnels == 1)
    assert pool.opened_tunnels == 3


async def test_at_a_drain_requests_end_first_and_sockets_go_on_until_they_are_cut(sockets):
    client, server = await sockets.open()
    listener = sockets.balancer.listener
    asked = asyncio.ensure_future(sockets.session.get(sockets.url("http", "/slow"), **sockets.where))
    await eventually(lambda: sockets.balancer.live().load == 2)
    listener.drain()
    sockets.slow_ends.set()
    async with await asked as response:
        assert (response.headers["Connection"], await response.text()) == ("close", "done")
    await eventually(lambda: len(listener.clients) == 1)
    sockets.balancer.advance(60)
    await client.send_str("still here")
    assert await server.socket.receive_str() == "still here"
    assert not listener.empty.is_set()
    listener.abort()
    await client.receive()
    await server.socket.receive()
    assert (client.close_code, server.socket.close_code) == (1006, 1006)
    await eventually(listener.empty.is_set)


async def test_a_drain_ends_with_its_last_socket(sockets):
    client, server = await sockets.open()
    sockets.balancer.listener.drain()
    closing = asyncio.ensure_future(client.close())
    await server.socket.receive()
    await server.socket.close()
    await closing
    await eventually(sockets.balancer.listener.empty.is_set)
