"""One probe against real servers on loopback: each ends in the word of the layer that decided."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import AsyncIterator

import pytest

from cluster_lb import __version__
from cluster_lb.health.observation import Observation
from cluster_lb.health.probe import probe
from cluster_lb.health.sessions import Sessions
from cluster_lb.model.address import Address
from cluster_lb.model.server import Server
from cluster_lb.settings.health import HealthSettings
from tests.doubles.waiting import eventually

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
async def session() -> AsyncIterator[Sessions]:
    async with Sessions() as opened:
        yield opened


class StoppedClock:
    """No time passes, so a busy machine changes nothing of what a test expects."""

    def monotonic(self) -> float:
        return 0.0

    def wall(self) -> float:
        return 0.0


class SlowClock:
    """Each look at the clock is 1.2 s after the one before."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 1.2
        return self.now

    def wall(self) -> float:
        return self.now


async def look(address: Address, session, kind: str = "http", clock=None, **settings) -> Observation:
    health = HealthSettings(kind=kind, **settings)
    return await probe(Server("s", address), health, None, session, clock or StoppedClock())


def status(code: int, *lines: str) -> bytes:
    head = [f"HTTP/1.1 {code} Whatever", *lines, "Content-Length: 0", "", ""]
    return "\r\n".join(head).encode()


async def stay_silent(reader, writer) -> None:
    await reader.read()  # until the probe gives up


async def hang_up(reader, writer) -> None:
    await reader.readuntil(b"\r\n\r\n")


@pytest.mark.parametrize("code", [200, 204, 299, 302, 399])
async def test_any_2xx_or_3xx_is_good(code: int, serve, session) -> None:
    backend = await serve(status(code, "Location: http://127.0.0.1:1/elsewhere"))
    observation = await look(backend.address, session)
    assert (observation.ok, observation.reason) == (True, f"L7OK {code}")
    assert backend.connections == 1  # a redirect is not followed


@pytest.mark.parametrize("code", [401, 404, 500, 503])
async def test_another_status_is_L7STS(code: int, serve, session) -> None:
    backend = await serve(status(code))
    observation = await look(backend.address, session)
    assert (observation.ok, observation.reason) == (False, f"L7STS {code}")


@pytest.mark.parametrize("kind", ["http", "tcp"])
async def test_a_refused_connect_is_L4CON(kind: str, refusing: Address, session) -> None:
    observation = await look(refusing, session, kind)
    assert (observation.ok, observation.reason) == (False, "L4CON connection refused")


@pytest.mark.parametrize("kind", ["http", "tcp"])
async def test_a_connect_that_nobody_answers_is_L4TOUT(kind: str, silent: Address, session) -> None:
    observation = await look(silent, session, kind, timeout_s=0.2)
    assert (observation.ok, observation.reason) == (False, "L4TOUT")


@pytest.mark.parametrize("kind", ["http", "tcp"])
async def test_a_name_that_does_not_resolve_is_L4CON(kind: str, session, monkeypatch) -> None:
    def unknown(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    observation = await look(Address("backend.invalid", 80), session, kind)
    assert observation.reason == "L4CON name not resolved"


@pytest.mark.parametrize("kind", ["http", "tcp"])
async def test_a_timeout_that_fires_late_does_not_blame_the_server(
    kind: str, silent: Address, session
) -> None:
    observation = await look(silent, session, kind, SlowClock(), timeout_s=0.2)
    assert observation.reason == "SOCKERR this machine was held up"
    assert not observation.conclusive


async def test_an_answer_counts_however_late_this_machine_reads_it(serve, session) -> None:
    good, bad = await serve(OK), await serve(status(503))
    assert (await look(good.address, session, clock=SlowClock(), timeout_s=0.9)).reason == "L7OK 200"
    assert (await look(bad.address, session, clock=SlowClock(), timeout_s=0.9)).reason == "L7STS 503"


async def test_a_request_that_nobody_answers_is_L7TOUT(serve, session) -> None:
    backend = await serve(stay_silent)
    observation = await look(backend.address, session, timeout_s=0.2)
    assert (observation.ok, observation.reason) == (False, "L7TOUT")


async def test_half_a_head_that_never_ends_is_L7TOUT(serve, session) -> None:
    async def stall(reader, writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-")
        await reader.read()

    backend = await serve(stall)
    assert (await look(backend.address, session, timeout_s=0.2)).reason == "L7TOUT"


@pytest.mark.parametrize("garbage", [b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n"])
async def test_garbage_is_L7RSP(garbage: bytes, serve, session) -> None:
    backend = await serve(garbage)
    observation = await look(backend.address, session)
    assert (observation.ok, observation.reason) == (False, "L7RSP invalid response")


async def test_a_close_without_an_answer_is_L7RSP_and_the_probe_does_not_ask_again(serve, session) -> None:
    backend = await serve(hang_up)
    observation = await look(backend.address, session)
    assert (observation.ok, observation.reason) == (False, "L7RSP closed without an answer")
    assert backend.connections == 1


async def test_an_answer_without_end_is_judged_by_its_head(serve, session) -> None:
    async def pour(reader, writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    backend = await serve(pour)
    assert (await look(backend.address, session)).reason == "L7OK 200"


async def test_an_accepted_connect_is_L4OK_for_a_tcp_probe(serve, session) -> None:
    backend = await serve(stay_silent)
    observation = await look(backend.address, session, "tcp")
    assert (observation.ok, observation.reason) == (True, "L4OK")


@pytest.mark.parametrize(("kind", "good"), [("http", "L7OK 200"), ("tcp", "L4OK")])
async def test_a_good_answer_that_is_late_is_SLOW_if_wanted(kind: str, good: str, serve, session) -> None:
    backend = await serve(OK if kind == "http" else stay_silent)
    assert (await look(backend.address, session, kind, SlowClock())).reason == good
    assert (await look(backend.address, session, kind, SlowClock(), slow_ms=1300)).reason == good
    late = await look(backend.address, session, kind, SlowClock(), slow_ms=1000)
    assert (late.ok, late.reason) == (False, "SLOW 1200 ms")


async def test_a_bad_answer_that_is_late_keeps_its_own_reason(serve, session) -> None:
    backend = await serve(status(503))
    assert (await look(backend.address, session, clock=SlowClock(), slow_ms=1)).reason == "L7STS 503"


async def test_the_request_says_who_asks_and_for_what(serve, session) -> None:
    heads = []

    async def keep(reader, writer) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(OK)

    backend = await serve(keep)
    await look(backend.address, session, path="/healthz?full=%2Fyes")
    first, *lines = heads[0].split("\r\n")
    assert first == "GET /healthz?full=%2Fyes HTTP/1.1"
    assert f"Host: {backend.address}" in lines
    assert f"User-Agent: cluster-lb/{__version__}" in lines
    assert "Connection: close" not in lines


async def test_a_server_on_ipv6(serve, session) -> None:
    try:
        backend = await serve(OK, "::1")
    except OSError as error:
        pytest.skip(f"no IPv6 on this machine: {error}")
    assert (await look(backend.address, session)).reason == "L7OK 200"
    assert (await look(backend.address, session, "tcp")).reason == "L4OK"


@pytest.mark.parametrize("kind", ["http", "tcp"])
async def test_a_machine_without_descriptors_does_not_blame_the_server(
    kind: str, serve, session, monkeypatch
) -> None:
    def exhausted(*args, **kwargs):
        raise OSError(errno.EMFILE, "Too many open files")

    backend = await serve(OK)
    monkeypatch.setattr(socket, "socket", exhausted)
    observation = await look(backend.address, session, kind)
    assert observation.reason == "SOCKERR too many open files"
    assert not observation.conclusive


@pytest.mark.parametrize("kind", ["http", "tcp"])
async def test_giving_up_works_in_the_moment_of_a_timeout_too(kind: str, serve, silent, session) -> None:
    backend = await serve(stay_silent)
    address = backend.address if kind == "http" else silent
    task = asyncio.ensure_future(look(address, session, kind, timeout_s=0.2))
    await eventually(lambda: backend.connections or kind == "tcp")
    asyncio.get_running_loop().call_later(0.25, task.cancel)
    time.sleep(0.5)  # noqa: ASYNC251 - the loop is held up, so that both are due at once
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_probe_that_is_given_up_leaves_nothing_running(serve, session) -> None:
    backend = await serve(stay_silent)
    before = asyncio.all_tasks()
    task = asyncio.ensure_future(look(backend.address, session))
    await eventually(lambda: backend.connections)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await backend.stop()
    assert asyncio.all_tasks() <= before
