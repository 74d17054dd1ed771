"""A TCP probe that talks: what is said, what is expected."""

from __future__ import annotations

import asyncio

import pytest

from cluster_lb.clock import SystemClock
from cluster_lb.health.observation import Observation
from cluster_lb.health.probe import probe
from cluster_lb.health.sessions import Sessions
from cluster_lb.model.address import Address
from cluster_lb.model.server import Server
from cluster_lb.settings.health import HealthSettings
from tests.doubles.http_servers import HTTPServer, Peer


async def look(address: Address, **settings: object) -> Observation:
    health = HealthSettings.model_validate({"kind": "tcp", "timeout_s": 10.0} | settings)
    return await probe(Server("s", address), health, None, Sessions(), SystemClock())


def saying(*pieces: bytes, after: bytes = b"", heard: list[bytes] | None = None, stays: bool = False):
    """Reads as much as `after` has, says the pieces, and closes unless it stays."""

    async def serve(peer: Peer) -> None:
        first = await peer.read(len(after))
        if heard is not None:
            heard.append(first)
        for piece in pieces:
            await peer.send(piece)
            await asyncio.sleep(0)
        if stays:
            await peer.rest()
        await peer.close()

    return serve


async def test_the_answer_to_what_was_sent_is_L7OK_when_it_has_what_is_expected() -> None:
    heard: list[bytes] = []
    async with HTTPServer(saying(b"+PO", b"NG\r\n", after=b"PING\r\n", heard=heard, stays=True)) as server:
        observation = await look(server.address, send="PING\r\n", expect="+PONG")
        assert (observation.ok, observation.reason) == (True, "L7OK")
    assert heard == [b"PING\r\n"]


async def test_bytes_can_be_written_in_hexadecimal() -> None:
    heard: list[bytes] = []
    async with HTTPServer(saying(b"\x00\xff\x01", after=b"\x05\x01\x00", heard=heard, stays=True)) as server:
        assert (await look(server.address, send="hex:05 01 00", expect="hex:ff01")).ok
    assert heard == [b"\x05\x01\x00"]


async def test_a_banner_can_be_expected_without_a_question() -> None:
    async with HTTPServer(saying(b"220 mail ready\r\n", stays=True)) as server:
        assert (await look(server.address, expect="220 ")).reason == "L7OK"


async def test_something_to_send_and_nothing_to_expect_is_good_when_it_was_sent() -> None:
    async with HTTPServer(saying(stays=True)) as server:
        assert (await look(server.address, send="QUIT\r\n")).reason == "L7OK"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"-LOADING\r\n", "L7RSP another answer than expected"),
        (b"", "L7RSP closed without an answer"),
        (b"x" * 20_000 + b"+PONG", "L7RSP another answer than expected"),
    ],
)
async def test_another_answer_is_L7RSP(said: bytes, reason: str) -> None:
    async with HTTPServer(saying(said)) as server:
        assert (await look(server.address, expect="+PONG")).reason == reason


async def test_silence_is_L7TOUT_and_no_connection_is_L4() -> None:
    async with HTTPServer(saying(stays=True)) as server:
        assert (await look(server.address, expect="+PONG", timeout_s=0.1)).reason == "L7TOUT"


async def test_a_refused_connect_is_L4CON_for_one_that_talks_too(refusing: Address) -> None:
    assert (await look(refusing, expect="+PONG")).reason == "L4CON connection refused"


async def test_a_connect_that_nobody_answers_is_L4TOUT_for_one_that_talks_too(silent: Address) -> None:
    assert (await look(silent, expect="+PONG", timeout_s=0.2)).reason == "L4TOUT"


async def test_a_reset_is_L7RSP() -> None:
    async def serve(peer: Peer) -> None:
        peer.reset()

    async with HTTPServer(serve) as server:
        observation = await look(server.address, expect="+PONG")
        assert observation.reason in ("L7RSP closed without an answer", "L4CON connection reset by peer")
