"""A server in life: its kept connections and how it shows itself."""

from __future__ import annotations

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
