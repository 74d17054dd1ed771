"""A server in life: its kept connections and how it shows itself."""

from __future__ import annotations

import asyncio

import pytest

from cluster_lb.proxy.upstream import UpstreamConnection
from tests.doubles.http_servers import OK
from tests.doubles.waiting import eventually

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_counts_are_those_of_attempts_and_connections(balancer):
    server = await balancer.server()
    client = await balancer.client()
    live = balancer.live()
    await client.send(GET)
    peer = await server.accepted()
    assert (live.load, live.attempts, live.connections, repr(live)) == (
        1,
        1,
        1,
        "<LiveServer s0 load=1 idle=0>",
    )
    await peer.head()
    await peer.send(OK)
    await client.response()
    await balancer.settled()
    assert (live.load, live.connections, repr(live)) == (0, 1, "<LiveServer s0 load=0 idle=1>")
    live.out = True
    assert repr(live).endswith("idle=1 out>")


async def test_all_kept_connections_can_be_closed(balancer):
    await balancer.answering(OK)
    await (await balancer.client()).ask(GET)
    await balancer.kept()
    balancer.live().close_idle()
    await eventually(lambda: balancer.live().connections == 0)


async def test_a_kept_connection_closes_though_its_server_never_reads_the_rest_of_a_request(balancer):
    server = await balancer.server(receive_buffer=4096)
    client = await balancer.client()
    await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    peer = await server.accepted()
    await peer.head()
    peer.writer.transport.pause_reading()
    live = balancer.live()
    [exchange] = [client.exchange for client in balancer.listener.clients]
    upstream = exchange.upstream
    while not upstream.transport.get_write_buffer_size():
        await client.send(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        await asyncio.sleep(0)
    await client.send(b"0\r\n\r\n")
    await eventually(lambda: exchange.request_done)
    assert not upstream.write_paused
    await peer.send(OK)
    await client.response()
    await balancer.kept()
    live.close_idle()
    await eventually(lambda: live.connections == 0)


async def test_a_connection_that_is_forgotten_is_not_picked(balancer):
    server = await balancer.answering(OK)
    client = await balancer.client()
    await client.ask(GET)
    await balancer.kept()
    live = balancer.live()
    [kept] = live.idle
    live.forget(kept)
    live.forget(kept)  # twice is once
    await client.ask(GET)
    assert len(server.peers) == 2
    kept.close()
    await eventually(lambda: live.connections == 1)


async def test_a_connect_given_up_just_when_it_stands_leaves_nothing_behind(balancer, monkeypatch):
    server = await balancer.server()
    live, connecting = balancer.live(), []
    made = UpstreamConnection.connection_made

    def give_up(connection: UpstreamConnection, transport: asyncio.BaseTransport) -> None:
        made(connection, transport)
        connecting[0].cancel()

    monkeypatch.setattr(UpstreamConnection, "connection_made", give_up)
    connecting.append(asyncio.ensure_future(live.connect(None)))
    with pytest.raises(asyncio.CancelledError):
        await connecting[0]
    assert live.connections == 0
    assert await (await server.accepted()).rest() == b""
    assert live.connections == 0
