"""What an HTTP probe asks for and accepts, and how long its connections live."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from cluster_lb.clock import SystemClock
from cluster_lb.health.observation import Observation
from cluster_lb.health.probe import probe
from cluster_lb.health.sessions import Sessions
from cluster_lb.model.address import Address
from cluster_lb.model.server import Server
from cluster_lb.settings.health import HealthSettings
from tests.doubles.http_servers import Close, HTTPServer, Peer, Wait, answering
from tests.doubles.waiting import eventually

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
async def sessions() -> AsyncIterator[Sessions]:
    async with Sessions() as opened:
        yield opened


async def look(address: Address, sessions: Sessions, **settings: object) -> Observation:
    health = HealthSettings.model_validate({"kind": "http", "timeout_s": 10.0} | settings)
    return await probe(Server("s", address), health, None, sessions, SystemClock())


def status(code: int) -> bytes:
    return f"HTTP/1.1 {code} Whatever\r\nContent-Length: 0\r\n\r\n".encode()


def body(text: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text)


@pytest.mark.parametrize(
    ("expected", "code", "reason"),
    [
        (["200-299"], 204, "L7OK 204"),
        (["200-299"], 302, "L7STS 302"),
        (["200-299", "401"], 401, "L7OK 401"),
        (["200-299", "401"], 403, "L7STS 403"),
        ([503], 503, "L7OK 503"),
        (["200-200"], 200, "L7OK 200"),
    ],
)
async def test_only_the_expected_statuses_are_good(expected, code, reason, sessions) -> None:
    async with HTTPServer(answering(status(code))) as server:
        assert (await look(server.address, sessions, expect_status=expected)).reason == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'{"status": "pass"}', "L7OK 200"),
        (b'{"status": "fail"}', "L7RSP the body has not what is expected"),
        (b"", "L7RSP the body has not what is expected"),
        (b"x" * 70_000 + b'"status": "pass"', "L7RSP the body has not what is expected"),
    ],
)
async def test_the_body_is_searched_as_far_as_it_is_looked_at(text, reason, sessions) -> None:
    async with HTTPServer(answering(body(text))) as server:
        observation = await look(server.address, sessions, expect_body=r'"status":\s*"pass"')
        assert observation.reason == reason


async def test_a_body_that_does_not_come_is_L7TOUT_where_it_is_expected(sessions) -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal"
    async with HTTPServer(answering((half, Wait(asyncio.Event())))) as server:
        observation = await look(server.address, sessions, expect_body="whole", timeout_s=0.2)
        assert observation.reason == "L7TOUT"
        assert (await look(server.address, sessions, timeout_s=0.2)).reason == "L7OK 200"


async def test_method_path_host_and_headers_go_out_as_they_are_set(sessions) -> None:
    seen: list = []
    wanted = {
        "method": "HEAD",
        "path": "/live?x=1",
        "host": "www.example.com",
        "headers": {"X-Probe": "lb 1"},
    }
    async with HTTPServer(answering(status(200), seen=seen)) as server:
        assert (await look(server.address, sessions, **wanted)).ok
    assert seen[0].line == "HEAD /live?x=1 HTTP/1.1"
    assert (seen[0]["host"], seen[0]["x-probe"]) == ("www.example.com", "lb 1")


async def test_another_port_of_the_server_is_probed_where_one_is_set(refusing, sessions) -> None:
    async with HTTPServer(answering(status(200))) as server:
        assert (await look(refusing, sessions, port=server.address.port)).ok


@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ],
)
async def test_a_server_is_asked_again_on_the_same_connection(answer, sessions) -> None:
    async with HTTPServer(answering(answer)) as server:
        for _ in range(5):
            await look(server.address, sessions)
        assert len(server.peers) == 1


async def test_a_body_that_comes_after_its_head_keeps_the_connection_too(sessions) -> None:
    go_on = asyncio.Event()
    head, text = OK[:-2], OK[-2:]
    async with HTTPServer(answering((head, Wait(go_on), text), OK)) as server:
        asked = asyncio.ensure_future(look(server.address, sessions, timeout_s=5.0))
        await eventually(lambda: server.peers)
        go_on.set()
        assert (await asked).ok
        assert (await look(server.address, sessions)).ok
        assert len(server.peers) == 1


@pytest.mark.parametrize(
    "answer", [OK.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"), OK.replace(b"/1.1", b"/1.0")]
)
async def test_a_server_that_wants_to_close_gets_a_new_connection(answer, sessions) -> None:
    async with HTTPServer(answering((answer, Close()))) as server:
        for _ in range(3):
            assert (await look(server.address, sessions)).ok
        assert len(server.peers) == 3


async def test_a_body_too_large_to_read_costs_the_connection_alone(sessions) -> None:
    async with HTTPServer(answering(body(b"x" * 4_000_000))) as server:
        for _ in range(2):
            assert (await look(server.address, sessions)).ok
        assert len(server.peers) == 2


@pytest.mark.parametrize("reset", [False, True])
async def test_a_kept_connection_that_the_server_gave_up_is_no_failure(reset, sessions) -> None:
    async with HTTPServer(_gives_up_on_the_second_request(reset)) as server:
        assert (await look(server.address, sessions)).ok
        assert (await look(server.address, sessions)).ok
        assert len(server.peers) == 2


async def test_a_server_that_gives_up_kept_and_new_connections_has_failed(sessions) -> None:
    async with HTTPServer(answering(OK, Close())) as server:
        assert (await look(server.address, sessions)).ok
        assert (await look(server.address, sessions)).reason == "L7RSP closed without an answer"
        assert len(server.peers) == 2


async def test_a_server_that_is_gone_with_its_kept_connection_is_L4CON(sessions) -> None:
    async with HTTPServer(_gives_up_on_the_second_request(reset=False)) as server:
        assert (await look(server.address, sessions)).ok
        await server.stop_listening()
        assert (await look(server.address, sessions)).reason == "L4CON connection refused"


async def test_silence_on_a_kept_connection_is_L7TOUT(sessions) -> None:
    async with HTTPServer(answering(OK, (Wait(asyncio.Event()),))) as server:
        assert (await look(server.address, sessions)).ok
        assert (await look(server.address, sessions, timeout_s=0.2)).reason == "L7TOUT"


def _gives_up_on_the_second_request(reset: bool):
    async def serve(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await peer.request()
        if reset:
            peer.reset()
        else:
            await peer.close()

    return serve
