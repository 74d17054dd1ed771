"""Probes of servers that want TLS or a PROXY header."""

from __future__ import annotations

import asyncio
import ssl
import time

import pytest

from cluster_lb.clock import SystemClock
from cluster_lb.dial import Dials
from cluster_lb.health.observation import Observation
from cluster_lb.health.probe import probe
from cluster_lb.health.sessions import Sessions
from cluster_lb.model.address import Address
from cluster_lb.model.server import Server
from cluster_lb.settings.schema import PoolSettings
from cluster_lb.tls.watch import Watch
from tests.doubles.certificates import Authority

OK = b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
async def listen():
    """`await listen(handler, context)`: the address of a server."""
    servers = []

    async def listen(handler, context: ssl.SSLContext | None = None) -> Address:
        server = await asyncio.start_server(handler, "127.0.0.1", 0, ssl=context)
        servers.append(server)
        return Address(*server.sockets[0].getsockname())

    yield listen
    for server in servers:
        server.close()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # a probe that only connects
    writer.transport.abort()


async def look(address: Address, **settings: object) -> Observation:
    pool = PoolSettings.model_validate(settings)
    dial = Dials(Watch(time.time), time.time).of_pool(pool)
    async with Sessions() as session:
        return await probe(Server("a", address), pool.health, dial, session, SystemClock())


HTTP, TCP = {"kind": "http", "timeout_s": 10.0}, {"kind": "tcp", "timeout_s": 10.0}


@pytest.mark.parametrize(("health", "word"), [(HTTP, "L7OK 204"), (TCP, "L4OK")])
async def test_over_tls(authority, listen, health, word):
    address = await listen(answer, authority.server_context(authority.issue("127.0.0.1")))
    assert (await look(address, health=health, tls={"ca": str(authority.path)})).reason == word


@pytest.mark.parametrize("health", [HTTP, TCP])
async def test_a_server_that_cannot_prove_itself_fails_at_the_layer_of_tls(authority, listen, health):
    address = await listen(answer, authority.server_context(authority.issue("other.example")))
    observation = await look(address, health=health, tls={"ca": str(authority.path)})
    assert observation.conclusive
    assert observation.reason.startswith("L6RSP certificate verify failed: IP address mismatch")


@pytest.mark.parametrize("health", [HTTP, TCP])
async def test_files_that_this_node_lacks_say_nothing_of_the_server(listen, health):
    address = await listen(answer)
    observation = await look(address, health=health, tls={"ca": "/nowhere/ca.pem"})
    assert not observation.conclusive
    assert "ca /nowhere/ca.pem: cannot be read" in observation.reason


@pytest.mark.parametrize(
    ("version", "header"),
    [("v1", b"PROXY UNKNOWN\r\n"), ("v2", bytes.fromhex("0d0a0d0a000d0a515549540a20000000"))],
)
async def test_a_probe_introduces_itself_as_nobodys(listen, version, header):
    came = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await reader.readexactly(len(header)))
        await answer(reader, writer)

    address = await listen(take)
    assert (await look(address, health=HTTP, send_proxy=version)).reason == "L7OK 204"
    assert came == [header]
