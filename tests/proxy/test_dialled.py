"""Servers that want TLS or a PROXY header, as the wire shows it."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import asynccontextmanager

import pytest

from cluster_lb.dial import Dials
from cluster_lb.model.address import Address
from cluster_lb.settings.schema import PoolSettings
from cluster_lb.tls.watch import Watch
from cluster_lb.wire.proxy_protocol import HeaderReader
from tests.doubles.certificates import Authority
from tests.doubles.http_servers import OK, Message, Peer, Step, Wait, answering
from tests.doubles.waiting import eventually

GET = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path)


class Server:
    """A server on loopback; `headers`: how many bytes of a PROXY header it takes off each connection."""

    def __init__(self) -> None:
        self.seen: list[Message] = []
        self.introduced: list[HeaderReader] = []
        self.tls: list[object] = []
        self.connections = 0
        self.address = Address("127.0.0.1", 0)


async def take_header(sock: socket.socket) -> HeaderReader:
    """The PROXY header that a connection begins with, and not a byte more."""
    header = HeaderReader()
    while not header.done:
        header.feed(await asyncio.get_running_loop().sock_recv(sock, 1))
    return header


@asynccontextmanager
async def serving(context=None, *, takes_header: bool = False, answer: Step | tuple[Step, ...] = OK):
    """Starts one, with TLS by `context`."""
    server, loop = Server(), asyncio.get_running_loop()
    answer_all = answering(answer, seen=server.seen)
    peers: list[Peer] = []

    async def serve(sock: socket.socket) -> None:
        if takes_header:
            server.introduced.append(await take_header(sock))
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock, ssl=context)
        except OSError:
            return  # whom the client did not believe
        peers.append(Peer(reader, asyncio.StreamWriter(transport, protocol, reader, loop)))
        server.tls.append(transport.get_extra_info("ssl_object"))
        await answer_all(peers[-1])

    async def accept(tasks: asyncio.TaskGroup) -> None:
        while True:
            sock, _ = await loop.sock_accept(listening)
            server.connections += 1
            tasks.create_task(serve(sock))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        server.address = Address(*listening.getsockname())
        async with asyncio.TaskGroup() as tasks:
            accepting = tasks.create_task(accept(tasks))
            yield server
            accepting.cancel()
            for peer in peers:
                await peer.drop()


async def ask(balancer, request: bytes = GET) -> Message:
    return await (await balancer.client()).ask(request)


async def test_a_server_is_spoken_to_over_tls_and_the_connection_kept(start, authority):
    shown = authority.issue("127.0.0.1")
    balancer = await start(pool={"tls": {"ca": str(authority.path)}})
    async with serving(authority.server_context(shown)) as server:
        balancer.adopt(server.address)
        client = await balancer.client()
        for _ in range(3):
            assert (await client.ask(GET)).body == b"ok"
        assert (server.connections, len(server.seen)) == (1, 3)
        assert server.tls[0].version() == "TLSv1.3"
        assert server.seen[0]["x-forwarded-proto"] == "http"
        balancer.live().close_idle()
        await eventually(lambda: not balancer.live().connections)


async def test_large_bodies_both_ways(start, authority):
    body = bytes(range(256)) * 4096
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    shown = authority.issue("127.0.0.1")
    balancer = await start(pool={"tls": {"ca": str(authority.path)}})
    async with serving(authority.server_context(shown), answer=answer) as server:
        balancer.adopt(server.address)
        request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        assert (await ask(balancer, request)).body == body
        assert server.seen[0].body == body
        balancer.live().close_idle()
        await eventually(lambda: not balancer.live().connections)


@pytest.mark.parametrize(
    ("names", "tls", "believes", "days", "reason"),
    [
        (["127.0.0.1"], {}, False, (-1, 1), "unable to get local issuer certificate"),
        (["10.0.0.1"], {}, True, (-1, 1), "IP address mismatch"),
        (["other"], {"server_name": "a.example"}, True, (-1, 1), "Hostname mismatch"),
        (["127.0.0.1"], {}, True, (-3, -1), "certificate has expired"),
    ],
)
async def test_a_server_that_cannot_prove_itself_cannot_be_reached(
    start, authority, events, names, tls, believes, days, reason
):
    shown = authority.issue(*names, days=days)
    balancer = await start(pool={"tls": tls | {"ca": str(authority.path)} if believes else tls})
    async with serving(authority.server_context(shown)) as server:
        balancer.adopt(server.address)
        assert (await ask(balancer)).status == 502
        [(_, _, told)] = balancer.unreachable
        assert told.startswith(f"cannot connect: TLS: certificate verify failed: {reason}")
        assert server.seen == []


@pytest.mark.parametrize("tls", [{"verify": False}, {"ca": True, "server_name": "a.example"}])
async def test_the_name_may_be_another_and_verification_may_be_off(start, authority, tls):
    if tls.get("ca"):
        tls = tls | {"ca": str(authority.path)}
    shown = authority.issue("a.example")
    balancer = await start(pool={"tls": tls})
    async with serving(authority.server_context(shown)) as server:
        balancer.adopt(server.address)
        assert (await ask(balancer)).status == 200
        balancer.live().close_idle()
        await eventually(lambda: not balancer.live().connections)


async def test_a_server_that_speaks_no_tls_cannot_be_reached(start, authority, events):
    pool = {"tls": {"ca": str(authority.path)}, "timeouts": {"connect_s": 0.1}}
    balancer = await start(pool=pool)
    async with serving() as server:  # it waits for the end of a request line
        balancer.adopt(server.address)
        assert (await ask(balancer)).status == 504


async def test_a_certificate_is_shown_to_servers_that_ask(start, authority):
    own = authority.issue(file="own", subject="balancer")
    balancer = await start(
        pool={"tls": {"ca": str(authority.path), "certificate": own.certificate, "key": own.key}}
    )
    shown = authority.issue("127.0.0.1")
    async with serving(authority.server_context(shown, asks=True)) as server:
        balancer.adopt(server.address)
        assert (await ask(balancer)).status == 200
        assert ((("commonName", "balancer"),),) == server.tls[0].getpeercert()["subject"]
        balancer.live().close_idle()
        await eventually(lambda: not balancer.live().connections)


async def test_the_next_connection_resumes_the_session(start, authority):
    shown = authority.issue("127.0.0.1")
    balancer = await start(pool={"tls": {"ca": str(authority.path)}})
    async with serving(authority.server_context(shown)) as server:
        balancer.adopt(server.address)
        for number in range(2):
            assert (await ask(balancer)).status == 200
            assert server.tls[number].session_reused is bool(number)
            await balancer.kept()
            balancer.live().close_idle()
            await eventually(lambda: not balancer.live().connections)


async def test_files_that_are_missing_are_the_nodes_fault_and_mend_themselves(start, authority, events):
    ca = authority.path.rename(authority.folder / "later.pem")
    balancer = await start(pool={"tls": {"ca": str(authority.path)}})
    shown = authority.issue("127.0.0.1")
    async with serving(authority.server_context(shown)) as server:
        balancer.adopt(server.address)
        assert (await ask(balancer)).status == 503
        assert balancer.unreachable == []
        error = next(event for event in events if event["log_level"] == "error")
        assert error["problem"] == f"ca {authority.path}: cannot be read: No such file or directory"
        ca.rename(authority.path)
        await balancer.tls.check()
        assert (await ask(balancer)).status == 200
        balancer.live().close_idle()
        await eventually(lambda: not balancer.live().connections)


# --- PROXY headers


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_a_server_is_told_who_the_client_is(start, version):
    balancer = await start(pool={"send_proxy": version})
    async with serving(takes_header=True) as server:
        balancer.adopt(server.address)
        client = await balancer.client()
        assert (await client.ask(GET)).body == b"ok"
        endpoints = server.introduced[0].endpoints
        assert endpoints.source == client.writer.get_extra_info("sockname")
        assert endpoints.destination == client.writer.get_extra_info("peername")


async def test_an_introduced_connection_never_serves_another_client(start):
    balancer = await start(pool={"send_proxy": "v2"})
    async with serving(takes_header=True) as server:
        balancer.adopt(server.address)
        clients = [await balancer.client() for _ in range(3)]
        for _ in range(2):
            for client in clients:
                assert (await client.ask(GET)).status == 200
        told = [header.endpoints.source for header in server.introduced]
        asked = [request["x-forwarded-for"] for request in server.seen]
        assert len(told) == len(asked) == 6
        assert told == [client.writer.get_extra_info("sockname") for client in clients] * 2


async def test_with_tls_the_header_goes_first(start, authority):
    shown = authority.issue("127.0.0.1")
    balancer = await start(pool={"send_proxy": "v1", "tls": {"ca": str(authority.path)}})
    async with serving(authority.server_context(shown), takes_header=True) as server:
        balancer.adopt(server.address)
        assert (await ask(balancer)).status == 200
        assert server.introduced[0].endpoints is not None
        assert server.tls[0].version() == "TLSv1.3"


async def test_a_header_that_came_is_passed_on(start):
    balancer = await start(accept_proxy=True, pool={"send_proxy": "v2"})
    async with serving(takes_header=True) as server:
        balancer.adopt(server.address)
        client = await balancer.client()
        await client.send(b"PROXY TCP6 2001:db8::1 2001:db8::2 7 443\r\n")
        assert (await client.ask(GET)).status == 200
        assert server.introduced[0].endpoints == (("2001:db8::1", 7), ("2001:db8::2", 443))


async def test_a_refused_connect_goes_to_the_next_server(start, unused_tcp_port):
    balancer = await start(pool={"send_proxy": "v1"})
    async with serving(takes_header=True) as server:
        balancer.adopt(Address("127.0.0.1", unused_tcp_port), server.address)
        assert (await ask(balancer)).status == 200
        assert balancer.unreachable[0][2] == "cannot connect: Connection refused"


def change(balancer, server: Server, **settings: object) -> None:
    """The pool's settings are these from now on."""
    changed = PoolSettings.model_validate(settings)
    balancer.pool.configure(changed, Dials(Watch(time.time), time.time).of_pool(changed))
    balancer.adopt(server.address)


async def test_connections_kept_from_before_a_change_are_closed(start):
    balancer = await start()
    async with serving() as server:
        balancer.adopt(server.address)
        assert (await ask(balancer)).status == 200
        await balancer.kept()
        before = balancer.live().idle[0]
        change(balancer, server, send_proxy="v1")
        assert before.transport.is_closing()
        assert balancer.live().idle == []


async def test_a_connection_introduced_before_a_change_is_not_kept_after_it(start):
    balancer = await start(pool={"send_proxy": "v1"})
    changed = asyncio.Event()
    async with serving(takes_header=True, answer=(Wait(changed), OK)) as server:
        balancer.adopt(server.address)
        client = await balancer.client()
        await client.send(GET)
        await eventually(lambda: server.seen)
        before = balancer.live()
        change(balancer, server)
        changed.set()
        assert (await client.response()).status == 200
        await eventually(lambda: not before.connections)
        assert balancer.live().idle == []
