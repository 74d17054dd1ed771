"""Agents on loopback: what is asked, what is heard, and what an agent that says nothing changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from random import Random

import pytest
from structlog.testing import capture_logs

from cluster_lb.clock import SystemClock
from cluster_lb.health.agent_watch import AgentWatch, question
from cluster_lb.health.agent_words import Words
from cluster_lb.health.rhythm import Rhythm
from cluster_lb.model.address import Address
from cluster_lb.model.availability import Health
from cluster_lb.model.server import Server
from cluster_lb.model.verdict import Vote
from cluster_lb.settings.health import AgentSettings
from tests.doubles.http_servers import HTTPServer, Peer
from tests.doubles.waiting import eventually


def saying(line: Callable[[], bytes], expected: bytes = b""):
    async def serve(peer: Peer) -> None:
        assert await peer.read(len(expected)) == expected
        await peer.send(line())
        await peer.close()

    return serve


def settings(port: int, **more: object) -> AgentSettings:
    return AgentSettings.model_validate({"port": port, "interval_s": 0.05, "timeout_s": 10.0} | more)


@asynccontextmanager
async def watching(address: Address, **more: object):
    """Yields the watch, and the lines that it heard so far."""
    heard: list[Words] = []
    server = Server("a", Address(address.host, 1))  # nothing listens where the server itself would
    rhythm = Rhythm(0.0, SystemClock(), Random(1))
    watch = AgentWatch(
        "web", server, settings(address.port, **more), rhythm, None, lambda _, w: heard.append(w)
    )
    task = asyncio.ensure_future(watch.run(asyncio.Semaphore(1)))
    try:
        yield watch, heard
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_an_agent_is_asked_and_says_a_line() -> None:
    async with HTTPServer(saying(lambda: b"up ready 75%\n", expected=b"lb-1\n")) as server:
        line = await question(server.address, settings(server.address.port, send="lb-1\n"))
    assert line == "up ready 75%\n"


async def test_a_line_need_not_end_and_may_come_in_pieces() -> None:
    async def slowly(peer: Peer) -> None:
        await peer.trickle(b"drain 10%")
        await peer.close()

    async with HTTPServer(slowly) as server:
        assert await question(server.address, settings(server.address.port)) == "drain 10%"


async def test_an_agent_that_talks_without_end_is_cut_off() -> None:
    async def pour(peer: Peer) -> None:
        while True:
            await peer.send(b"x" * 1000)

    async with HTTPServer(pour) as server:
        assert len(await question(server.address, settings(server.address.port))) == 1024


async def test_what_it_says_of_health_is_its_opinion_until_it_says_otherwise() -> None:
    lines = [b"75%\n", b"down #disk full\n", b"50%\n", b"up\n"]
    async with (
        HTTPServer(saying(lambda: lines.pop(0) if len(lines) > 1 else lines[0])) as server,
        watching(server.address) as (watch, heard),
    ):
        opinions = []
        while len(heard) < 4:
            seen = len(heard)
            await eventually(lambda seen=seen: len(heard) > seen)
            opinions.append(watch.opinion)
    down = Vote(Health.DOWN, "L7STS agent: disk full")
    assert opinions == [Vote(Health.UP, "L7OK agent"), down, down, Vote(Health.UP, "L7OK agent: up")]


@pytest.mark.parametrize("trouble", ["refused", "nonsense", "silence"])
async def test_an_agent_that_says_nothing_changes_nothing_and_is_named_once(trouble, refusing) -> None:
    async def say(peer: Peer) -> None:
        if trouble == "silence":
            await peer.rest()
        await peer.send(b"what?\n")
        await peer.close()

    with capture_logs() as lines:
        async with HTTPServer(say) as server:
            address = refusing if trouble == "refused" else server.address
            async with watching(address, timeout_s=0.1) as (watch, heard):
                await eventually(lambda: lines)
                await asyncio.sleep(0.3)  # more questions, and no more lines in the log
                assert (heard, watch.opinion) == ([], None)
    assert [line["event"] for line in lines] == ["agent says nothing"]
