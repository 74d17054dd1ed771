"""Peers that are slow on purpose, by the hundred: the balancer's memory stays bounded, others are served.

The balancer runs in a process of its own, whose resident memory is what is measured.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import uvloop

from cluster_lb.model.address import Address
from tests.doubles.balancer_process import BalancerProcess, balancer_process
from tests.doubles.http_servers import OK, HTTPServer, Peer, answering, connect
from tests.doubles.waiting import eventually

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
MIB = 1 << 20
GIB = 1 << 30
PIECE = b"x" * 65536
PEERS = 100
IDLE = 10_000

# Where the loop's buffers matter both are tested; else the quicker one, which nodes run on.
quicker_loop = pytest.mark.asyncio(loop_factories=["uvloop"])


def loop_name() -> str:
    return "uvloop" if isinstance(asyncio.get_running_loop(), uvloop.Loop) else "asyncio"


@asynccontextmanager
async def balancing(*servers: HTTPServer, **settings: object) -> AsyncIterator[BalancerProcess]:
    """A balancer before these servers, warmed up."""
    addresses = [server.address for server in servers]
    with balancer_process(loop_name(), settings, *addresses) as process:
        await others_are_served(process)
        yield process


async def others_are_served(process: BalancerProcess, requests: int = 50) -> None:
    """A client of good manners gets each of its answers."""
    client = await connect(process.address)
    for _ in range(requests):
        assert (await client.ask(GET)).status == 200
    await client.close()


async def peers(
    stack: AsyncExitStack, process: BalancerProcess, number: int, *, narrow: bool = False
) -> list[Peer]:
    """Clients; narrow ones take little into the kernel, and nothing into their process before they read."""
    options = {"limit": 1024, "receive_buffer": 4096} if narrow else {}
    clients = [await connect(process.address, **options) for _ in range(number)]
    for client in clients:
        stack.push_async_callback(client.drop)
    return clients


async def sized(peer: Peer) -> None:
    """Answers `GET /huge` with 1 GiB, takes its time over `/unread` and never reads on, others with OK."""
    while True:
        request = await peer.head()
        if " /huge " in request.line:
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % GIB)
            await peer.send(*[PIECE] * (GIB // len(PIECE)))
        elif " /unread " in request.line:
            await asyncio.get_running_loop().create_future()
        else:
            await peer.read(int(request["content-length"] or 0))
            await peer.send(OK)


@quicker_loop
async def test_heads_that_come_byte_by_byte_end_with_408_and_hold_nobody_up():
    async with HTTPServer(answering(OK)) as server, AsyncExitStack() as stack:
        async with balancing(server, head_timeout_s=1.0) as process:
            before = process.memory()
            clients = await peers(stack, process, PEERS)
            answers = [asyncio.ensure_future(client.response()) for client in clients]
            sent = 0
            while not all(answer.done() for answer in answers):
                for client, answer in zip(clients, answers, strict=True):
                    if not answer.done():
                        client.writer.write((b"GET / HTTP/1.1\r\nX: " + b"y" * 10_000)[sent : sent + 1])
                sent += 1
                await others_are_served(process, 1)
            assert {answer.result().status for answer in answers} == {408}
            assert sent > 1
            assert process.memory() - before < 8 * MIB


@quicker_loop
async def test_bodies_that_come_byte_by_byte_hold_nobody_up_and_arrive():
    async with HTTPServer(answering(OK)) as server, AsyncExitStack() as stack:
        async with balancing(server) as process:
            before = process.memory()
            clients = await peers(stack, process, PEERS)
            for client in clients:
                await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
            for _ in range(10):
                for client in clients:
                    client.writer.write(b"x")
                await others_are_served(process, 5)
            for client in clients:
                assert (await client.response()).status == 200
            assert process.memory() - before < 16 * MIB


async def test_clients_that_never_read_a_response_of_1_gib_cost_a_bounded_buffer_each():
    async with HTTPServer(sized) as server, AsyncExitStack() as stack:
        async with balancing(server) as process:
            before = process.memory()
            clients = await peers(stack, process, 20, narrow=True)
            for client in clients:
                await client.send(GET.replace(b"/ ", b"/huge "))
                await client.head()
            await stands_still(process)
            await others_are_served(process)
            assert process.memory() - before < 20 * MIB


@quicker_loop
async def test_a_client_that_reads_slowly_gets_all_it_reads_and_holds_nobody_up():
    async with HTTPServer(sized) as server, AsyncExitStack() as stack:
        async with balancing(server) as process:
            before = process.memory()
            clients = await peers(stack, process, 20, narrow=True)
            for client in clients:
                await client.send(GET.replace(b"/ ", b"/huge "))
                await client.head()
            for _ in range(20):
                for client in clients:
                    assert set(await client.read(5000)) == {ord("x")}
                await others_are_served(process, 2)
            assert process.memory() - before < 20 * MIB


async def test_servers_that_never_read_an_upload_of_1_gib_cost_a_bounded_buffer_each():
    async with HTTPServer(sized, limit=1024, receive_buffer=4096) as server, AsyncExitStack() as stack:
        async with balancing(server) as process:
            before = process.memory()
            clients = await peers(stack, process, 20)
            uploads = []
            for client in clients:
                await client.send(b"POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % GIB)
                uploads.append(asyncio.ensure_future(client.send(*[PIECE] * (GIB // len(PIECE)))))
            await stands_still(process)
            await others_are_served(process)
            assert not any(upload.done() for upload in uploads)
            assert process.memory() - before < 20 * MIB
            for upload in uploads:
                upload.cancel()


async def stands_still(process: BalancerProcess) -> None:
    """Wait until nothing more is taken in: memory is the same over some requests of others."""
    seen = []

    async def still() -> bool:
        seen.append(process.memory())
        await others_are_served(process, 5)
        return len(seen) > 5 and len(set(seen[-5:])) == 1

    await eventually(still)


@pytest.fixture
def many_files():
    """The limit of open files, raised for the time of a test."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = IDLE + 500
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"{wanted} open files are needed, {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def silent_clients(address: Address, number: int) -> list[socket.socket]:
    """Connections that say nothing; closed with an RST, which leaves no port behind."""
    clients = []
    for _ in range(number):
        client = socket.create_connection((address.host, address.port))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        clients.append(client)
    return clients


@quicker_loop
@pytest.mark.usefixtures("many_files")
async def test_10_000_idle_connections_cost_little_and_hold_nobody_up():
    async with HTTPServer(answering(OK)) as server, balancing(server, head_timeout_s=600) as process:
        before = process.memory()
        clients: list[socket.socket] = []
        try:
            while len(clients) < IDLE:
                clients += await asyncio.to_thread(silent_clients, process.address, 500)
                await others_are_served(process, 1)  # who came later is served: the others have been accepted
            await others_are_served(process)
            assert process.memory() - before < IDLE * 8 * 1024
        finally:
            for client in clients:
                client.close()
        await others_are_served(process)
