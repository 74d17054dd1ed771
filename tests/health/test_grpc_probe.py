"""A gRPC probe against servers on loopback that speak HTTP/2, or should."""

from __future__ import annotations

import time

import pytest

from cluster_lb.clock import SystemClock
from cluster_lb.dial import Dials
from cluster_lb.health.grpc_probe import request_of, state_of
from cluster_lb.health.observation import Observation
from cluster_lb.health.probe import probe
from cluster_lb.health.sessions import Sessions
from cluster_lb.model.address import Address
from cluster_lb.model.server import Server
from cluster_lb.settings.schema import PoolSettings
from cluster_lb.tls.watch import Watch
from tests.doubles.certificates import Authority
from tests.doubles.grpc_servers import HEAD, NOT_SERVING, GrpcServer
from tests.doubles.http_servers import HTTPServer, Peer


async def look(address: Address, tls: dict[str, object] | None = None, **health: object) -> Observation:
    given = {"health": {"kind": "grpc", "timeout_s": 10.0} | health} | ({"tls": tls} if tls else {})
    settings = PoolSettings.model_validate(given)
    dial = Dials(Watch(time.time), time.time).of_probes(settings)
    return await probe(Server("s", address), settings.health, dial, Sessions(), SystemClock())


def test_messages_are_as_the_protocol_has_them() -> None:
    assert request_of("") == b"\0\0\0\0\0"
    assert request_of("shop.Cart") == b"\0\0\0\0\x0b\x0a\x09shop.Cart"
    assert request_of("x" * 200)[5:8] == b"\x0a\xc8\x01"


@pytest.mark.parametrize(
    ("body", "state"),
    [
        (b"\0\0\0\0\2\x08\x01", "SERVING"),
        (b"\0\0\0\0\2\x08\x02", "NOT_SERVING"),
        (b"\0\0\0\0\2\x08\x03", "SERVICE_UNKNOWN"),
        (b"\0\0\0\0\0", "UNKNOWN"),
        (b"", None),
        (b"\1\0\0\0\2\x08\x01", None),
        (b"\0\0\0\0\3\x08\x01", None),
        (b"\0\0\0\0\2\x10\x01", None),
        (b"\0\0\0\0\2\x08\x09", None),
    ],
)
def test_what_an_answer_says(body: bytes, state: str | None) -> None:
    assert state_of(body) == state


async def test_a_server_that_serves_is_good_and_is_asked_for_the_service() -> None:
    async with GrpcServer() as server:
        observation = await look(server.address, service="shop.Cart", host="shop.example.com")
        assert (observation.ok, observation.reason) == (True, "L7OK SERVING")
    [head] = server.asked
    assert (head[":method"], head[":path"]) == ("POST", "/grpc.health.v1.Health/Check")
    assert (head[":authority"], head[":scheme"]) == ("shop.example.com", "http")
    assert (head["content-type"], head["te"]) == ("application/grpc", "trailers")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"message": NOT_SERVING}, "L7STS NOT_SERVING"),
        ({"message": b""}, "L7STS UNKNOWN"),
        ({"message": b"junk"}, "L7RSP invalid response"),
        ({"trailers": (("grpc-status", "5"),)}, "L7STS grpc-status 5"),
        ({"trailers": (("x", "y"),)}, "L7STS grpc-status is missing"),
        ({"head": ((":status", "404"), *HEAD[1:])}, "L7STS 404"),
    ],
)
async def test_anything_else_is_bad(changes, reason: str) -> None:
    async with GrpcServer(**changes) as server:
        observation = await look(server.address)
        assert (observation.ok, observation.reason) == (False, reason)


@pytest.mark.parametrize(
    ("goaways", "reason", "calls"),
    [
        ([0], "L7OK SERVING", 2),
        ([0, 0], "L7RSP closed without an answer", 2),
        ([2], "L7RSP invalid response", 1),  # INTERNAL_ERROR
    ],
)
async def test_a_server_that_says_goodbye_is_asked_once_more_on_a_new_connection(
    goaways: list[int], reason: str, calls: int
) -> None:
    async with GrpcServer(goaways=goaways) as server:
        assert (await look(server.address)).reason == reason
    assert len(server.asked) == calls


async def test_a_goodbye_after_the_answer_changes_nothing() -> None:
    async with GrpcServer(farewell=True) as server:
        assert (await look(server.address)).reason == "L7OK SERVING"
    assert len(server.asked) == 1


async def test_a_server_that_speaks_something_else_is_L7RSP() -> None:
    async def old(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await peer.rest()

    async with HTTPServer(old) as server:
        assert (await look(server.address)).reason == "L7RSP invalid response"


async def test_an_answer_without_end_is_given_up() -> None:
    async def pour(peer: Peer) -> None:
        while True:
            await peer.send(b"\0\0\0\4\0\0\0\0\0" * 100)  # SETTINGS, empty

    async with HTTPServer(pour) as server:
        assert (await look(server.address)).reason == "L7RSP invalid response"


async def test_a_close_is_L7RSP_and_silence_is_L7TOUT() -> None:
    async def hang_up(peer: Peer) -> None:
        await peer.read(24)
        await peer.close()

    async def stay_silent(peer: Peer) -> None:
        await peer.rest()

    async with HTTPServer(hang_up) as server:
        assert (await look(server.address)).reason == "L7RSP closed without an answer"
    async with HTTPServer(stay_silent) as server:
        assert (await look(server.address, timeout_s=0.2)).reason == "L7TOUT"


async def test_no_connection_is_L4(refusing: Address, silent: Address) -> None:
    assert (await look(refusing)).reason == "L4CON connection refused"
    assert (await look(silent, timeout_s=0.2)).reason == "L4TOUT"


async def test_within_tls_http2_is_agreed_on_or_it_is_L6RSP(tmp_path) -> None:
    authority = Authority(tmp_path)
    tls = {"ca": str(authority.path)}
    context = authority.server_context(authority.issue("127.0.0.1"))
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with GrpcServer(context=context) as server:
        assert (await look(server.address, tls)).reason == "L7OK SERVING"
        assert server.asked[0][":scheme"] == "https"
    context.set_alpn_protocols(["http/1.1"])
    async with GrpcServer(context=context) as server:
        assert (await look(server.address, tls)).reason == "L6RSP the server does not speak HTTP/2"
