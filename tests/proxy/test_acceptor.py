"""Connections that begin with a PROXY header, as the wire shows it."""

from __future__ import annotations

import errno
import ssl
from contextlib import suppress

import pytest

from cluster_lb.proxy import acceptor, throttle
from cluster_lb.wire.proxy_protocol import Endpoints, build_v1, build_v2
from tests.doubles.certificates import Authority
from tests.doubles.http_servers import OK, Message, Peer
from tests.doubles.waiting import eventually

GET = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
V4 = Endpoints(("192.0.2.1", 1234), ("198.51.100.7", 443))
V6 = Endpoints(("2001:db8::1", 1234), ("2001:db8::2", 443))


async def cut_off(peer: Peer) -> None:
    """Wait until it is closed; where bytes were left unread, the system resets the connection."""
    with suppress(ConnectionResetError):
        assert await peer.rest() == b""


@pytest.mark.parametrize("build", [build_v1, build_v2])
@pytest.mark.parametrize(
    ("endpoints", "client"), [(V4, "192.0.2.1"), (V6, "2001:db8::1"), (None, "127.0.0.1")]
)
async def test_the_client_is_whom_the_header_names(start, build, endpoints, client):
    seen: list[Message] = []
    balancer = await start(accept_proxy=True)
    await balancer.answering(OK, seen=seen)
    peer = await balancer.client()
    await peer.send(build(endpoints) + GET)  # in one segment with the first request
    assert (await peer.response()).body == b"ok"
    assert (await peer.ask(GET)).body == b"ok"
    assert [request["x-forwarded-for"] for request in seen] == [client, client]
    [connection] = balancer.listener.clients
    assert connection.peer == client


async def test_a_header_may_come_byte_by_byte(start):
    balancer = await start(accept_proxy=True)
    await balancer.answering(OK)
    peer = await balancer.client()
    await peer.trickle(build_v1(V4))
    assert (await peer.ask(GET)).body == b"ok"


@pytest.mark.parametrize(
    "first", [GET, b"\x16\x03\x01\x00\x05hello", b"PROXY TCP4 nonsense\r\n", b"\r\n\r\n\0\r\nQUIT\n\x11"]
)
async def test_what_does_not_begin_with_one_is_closed_and_counted(start, first, events):
    balancer = await start(accept_proxy=True)
    server = await balancer.answering(OK)
    peer = await balancer.client()
    await peer.send(first.ljust(16))
    await cut_off(peer)
    assert balancer.listener.acceptor.bad_headers == 1
    assert server.peers == []
    assert [event["event"] for event in events] == ["connection without a valid PROXY header closed"]


async def test_one_that_does_not_come_in_time_is_not_waited_for(start, events):
    balancer = await start(accept_proxy=True, proxy_header_timeout_s=0.05)
    peer = await balancer.client()
    await peer.send(b"PROXY ")
    assert await peer.rest() == b""
    assert (balancer.listener.acceptor.bad_headers, events[0]["reason"]) == (1, "not there in time")


async def test_one_that_ends_in_the_middle_is_refused(start, events):
    balancer = await start(accept_proxy=True)
    peer = await balancer.client()
    await peer.send(b"PROXY ")
    peer.end()
    assert await peer.rest() == b""
    assert events[0]["reason"] == "closed before its end"


@pytest.mark.parametrize(("sources", "served"), [(["127.0.0.0/8"], True), (["10.0.0.0/8"], False)])
async def test_only_those_who_may_send_one_are_listened_to(start, sources, served, events):
    balancer = await start(accept_proxy=True, proxy_protocol_from=sources)
    await balancer.answering(OK)
    peer = await balancer.client()
    if served:
        await peer.send(build_v2(V4))
        assert (await peer.ask(GET)).status == 200
    else:
        assert await peer.rest() == b""
        assert events[0]["reason"] == "it may not come from there"


async def test_a_header_where_none_is_expected_is_no_request(balancer, events):
    peer = await balancer.client()
    assert (await peer.ask(build_v1(V4) + GET)).status == 400


async def test_whom_the_header_names_decides_whether_forwarding_fields_are_believed(start):
    seen: list[Message] = []
    balancer = await start(accept_proxy=True, trusted_proxies=["192.0.2.0/24"])
    await balancer.answering(OK, seen=seen)
    for endpoints in (V4, None):
        peer = await balancer.client()
        await peer.send(build_v1(endpoints))
        await peer.ask(GET.replace(b"\r\n\r\n", b"\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n"))
    assert [request["x-forwarded-for"] for request in seen] == ["203.0.113.9, 192.0.2.1", "127.0.0.1"]


async def test_with_tls_the_header_comes_before_the_handshake(start, tmp_path):
    authority = Authority(tmp_path)
    seen: list[Message] = []
    balancer = await start(accept_proxy=True, tls=[authority.issue("a.example")])
    await balancer.answering(OK, seen=seen)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = authority.client_context().wrap_bio(incoming, outgoing, server_hostname="a.example")
    peer = await balancer.client()

    async def carry(step):
        """Do a step of TLS, as often as it needs bytes."""
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                await peer.send(outgoing.read())
                incoming.write(await peer.reader.read(65536))

    await peer.send(build_v2(V4))
    await carry(tls.do_handshake)
    tls.write(GET)
    assert (await carry(lambda: tls.read(65536))).startswith(b"HTTP/1.1 200 OK")
    assert (seen[0]["x-forwarded-for"], seen[0]["x-forwarded-proto"]) == ("192.0.2.1", "https")


async def test_without_descriptors_it_pauses_and_goes_on(start, events, monkeypatch):
    monkeypatch.setattr(acceptor, "PAUSE_S", 0.01)
    balancer = await start(accept_proxy=True)
    await balancer.answering(OK)
    acceptor_of = balancer.listener.acceptor
    real, refusals = acceptor_of._sock, [OSError(errno.EMFILE, "Too many open files")]

    class Short:
        """The listening socket, for a moment in a process without descriptors."""

        def __getattr__(self, name: str) -> object:
            return getattr(real, name)

        def accept(self):
            if refusals:
                raise refusals.pop()
            return real.accept()

    acceptor_of._sock = Short()
    peer = await balancer.client()
    await peer.send(build_v1(V4))
    assert (await peer.ask(GET)).status == 200
    assert events[0]["error"] == "Too many open files"
    acceptor_of._sock = real


async def test_a_flood_of_bad_connections_is_a_trickle_of_lines(start, events, monkeypatch):
    monkeypatch.setattr(throttle, "MAX_EVENTS", 2)
    balancer = await start(accept_proxy=True)
    balancer.ticker.tick()
    for _ in range(5):
        peer = await balancer.client()
        await peer.send(b"x")
        await cut_off(peer)
    await eventually(lambda: balancer.listener.acceptor.bad_headers == 5)
    assert len(events) == 2
    balancer.advance(2.0)
    assert (events[2]["of"], events[2]["left_out"]) == (events[0]["event"], 3)
