"""A client goes on to the next node when one cannot be reached, and only then."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cluster_lb.demo.client import Answer, Client
from tests.doubles.ports import free_port


async def _answer(request: web.Request) -> web.Response:
    return web.Response(text="s1 42\n")


async def _fail(request: web.Request) -> web.Response:
    return web.Response(status=503, text="no server\n")


async def _hang_up(request: web.Request) -> web.Response:
    request.transport.abort()
    return web.Response()


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    app = web.Application()
    for name, handler in {"good": _answer, "bad": _fail, "cut": _hang_up}.items():
        app.router.add_get(f"/{name}/", handler)
    async with TestServer(app) as server:
        urls = {name: str(server.make_url(f"/{name}")) for name in ("good", "bad", "cut")}
        async with Client({**urls, "gone": f"http://127.0.0.1:{free_port()}"}) as client:
            yield client


async def test_the_first_node_that_can_be_reached_answers(client: Client) -> None:
    answer = await client.fetch(["good", "gone"])
    assert (answer.ok, answer.node, answer.server, answer.moved) == (True, "good", "s1", 0)
    assert answer.seconds > 0


@pytest.mark.parametrize("lost", ["gone", "cut"])
async def test_a_refused_or_cut_connection_moves_the_request_to_the_next_node(
    client: Client, lost: str
) -> None:
    answer = await client.fetch([lost, "good"])
    assert (answer.ok, answer.node, answer.moved) == (True, "good", 1)


async def test_an_error_status_is_a_failed_request_even_when_another_node_would_answer(
    client: Client,
) -> None:
    answer = await client.fetch(["bad", "good"])
    assert not answer.ok
    assert answer.problem == "bad: 503 no server"


async def test_a_request_that_no_node_took_has_failed(client: Client) -> None:
    answer = await client.fetch(["gone", "cut"])
    assert not answer.ok
    assert answer.problem.startswith("cut: ")


def test_an_answer_is_good_when_there_was_no_problem() -> None:
    assert Answer("n", "s", 200, 0, 0.1).ok
