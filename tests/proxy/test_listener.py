"""A listener: its address, whom it takes, and how it ends."""

from __future__ import annotations

import socket

import pytest

from cluster_lb.errors import SettingsError
from cluster_lb.model.address import Address
from cluster_lb.proxy.listener import bind
from tests.doubles.http_servers import OK
from tests.doubles.waiting import eventually

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def test_an_address_in_use_is_named():
    with bind(Address("127.0.0.1", 0)) as sock:
        sock.listen()
        address = Address("127.0.0.1", sock.getsockname()[1])
        with pytest.raises(SettingsError, match=f"listener {address}: cannot bind: Address already in use"):
            bind(address)


def test_a_host_that_is_not_there_is_named():
    with pytest.raises(SettingsError, match=r"listener no-such-host.invalid:80: cannot bind: "):
        bind(Address("no-such-host.invalid", 80))


def test_both_families_are_bound():
    for host in "127.0.0.1", "::1":
        with bind(Address(host, 0)) as sock:
            assert sock.getsockname()[0] == host


async def test_the_port_that_was_given_out_is_told(balancer):
    assert balancer.listener.address.port > 0


async def test_clients_over_the_limit_are_turned_away(start, events):
    balancer = await start(max_connections=2)
    await balancer.answering(OK)
    clients = [await balancer.client() for _ in range(2)]
    for client in clients:
        assert (await client.ask(GET)).status == 200
    late = await balancer.client()
    reply = await late.response()
    assert (reply.status, reply["connection"]) == (503, "close")
    assert await late.rest() == b""
    assert (balancer.ledger.accepted, balancer.ledger.rejected) == (2, 1)
    assert balancer.ledger.refused == {503: 1}
    assert events[0]["reason"] == "more than 2 connections"
    await clients[0].close()
    await eventually(lambda: len(balancer.listener.clients) == 1)
    assert (await (await balancer.client()).ask(GET)).status == 200


async def test_the_limit_holds_for_all_listeners_of_a_node_together(start):
    balancer = await start(max_connections=2)
    balancer.ledger.connections = 1  # open on another listener
    await balancer.answering(OK)
    first = await balancer.client()
    assert (await first.ask(GET)).status == 200
    assert (await (await balancer.client()).response()).status == 503


async def test_small_writes_are_not_held_back_by_the_kernel(balancer):
    client = await balancer.client()
    [connection] = await eventually(lambda: balancer.listener.clients)
    sock = connection.transport.get_extra_info("socket")
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
    await client.close()


async def test_a_draining_listener_takes_no_more_and_an_aborted_one_cuts_off(balancer):
    await balancer.answering(OK)
    client = await balancer.client()
    await client.ask(GET)
    balancer.listener.drain()
    with pytest.raises(ConnectionRefusedError):
        await balancer.client()
    balancer.listener.abort()
    assert await client.rest() == b""
    await eventually(lambda: not balancer.listener.clients)


@pytest.mark.parametrize(
    ("trusted", "peer", "believed"),
    [
        ((), "127.0.0.1", False),
        (("10.0.0.0/8",), "10.1.2.3", True),
        (("10.0.0.0/8",), "11.1.2.3", False),
        (("10.0.0.0/8", "2001:db8::/32"), "2001:db8::1", True),
        (("10.0.0.0/8",), "2001:db8::1", False),
    ],
)
async def test_whom_it_trusts(start, trusted, peer, believed):
    balancer = await start(trusted_proxies=trusted)
    assert balancer.listener.trusts(peer) is believed
