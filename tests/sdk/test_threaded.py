"""Registrations of programs without an event loop: a WSGI server, a fork, an exit."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from cluster_lb.errors import InvalidValueError
from cluster_lb.sdk import ThreadedRegistration
from tests.doubles.redis_servers import RedisServer
from tests.doubles.waiting import eventually
from tests.sdk.conftest import Pool

ADDRESS = "127.0.0.1:9001"


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """The test has no use for access lines."""


@contextmanager
def wsgi_server(app: Callable[..., Iterable[bytes]]) -> Iterator[str]:
    """The address of a running server for `app`."""
    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


async def test_a_wsgi_server_is_registered_while_it_serves(pool: Pool) -> None:
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [])
        return [b"registered" if registration.registered else b"not registered"]

    with wsgi_server(app) as address:
        registration = ThreadedRegistration("web", address, drain_s=0, **pool.redis)
        with registration:
            server = (await pool.servers())[address]
            answer = await asyncio.to_thread(get, f"http://{server.address}/")
        assert answer == b"registered"
        assert not await pool.servers()
        assert not registration.registered


async def test_its_thread_ends_with_it(pool: Pool) -> None:
    before = set(threading.enumerate())
    registration = ThreadedRegistration("web", ADDRESS, drain_s=0, **pool.redis)
    registration.start()
    registration.start()
    (started,) = set(threading.enumerate()) - before
    assert started.name == "cluster-lb 127.0.0.1:9001"
    assert started.daemon
    registration.stop()
    registration.stop()
    assert set(threading.enumerate()) == before


async def test_it_can_start_again(pool: Pool) -> None:
    registration = ThreadedRegistration("web", ADDRESS, drain_s=0, **pool.redis)
    for _ in range(2):
        with registration:
            assert await pool.servers()
        assert not await pool.servers()


async def test_updates_and_the_requests_in_flight_are_sent_on(pool: Pool) -> None:
    registration = ThreadedRegistration("web", ADDRESS, ttl_s=3600, drain_s=0, **pool.redis)
    registration.update(weight=3)
    registration.in_flight += 2
    with registration:
        assert (await pool.servers())[ADDRESS].weight == 3
        assert (await pool.servers())[ADDRESS].report["in_flight"] == registration.in_flight == 2
        registration.report_state("drain", "deploying")
        await eventually(lambda: says(pool, "drain", "deploying"))
        with pytest.raises(InvalidValueError, match="state 'fine'"):
            registration.report_state("fine")
        registration.update(weight=5)
        await eventually(lambda: has_weight(pool, 5))
        with pytest.raises(InvalidValueError, match="weight 300"):
            registration.update(weight=300)


async def test_a_refusal_reaches_the_caller(pool: Pool) -> None:
    with pytest.raises(InvalidValueError, match="weight 300"):
        ThreadedRegistration("web", ADDRESS, weight=300)
    await pool.allow("10.0.0.0/8")
    with pytest.raises(InvalidValueError, match="allows 10"):
        ThreadedRegistration("web", ADDRESS, **pool.redis).start()


async def test_a_program_that_ends_without_a_word_leaves(pool: Pool) -> None:
    run_program(
        pool,
        """
        registration = ThreadedRegistration("web", "127.0.0.1:9001", drain_s=0)
        registration.start()
        assert registration.registered
        """,
    )
    assert not await pool.servers()


async def test_a_forked_child_does_not_touch_its_parents_registration_and_can_start_its_own(
    pool: Pool,
) -> None:
    out = run_program(
        pool,
        """
        import os
        registration = ThreadedRegistration("web", "127.0.0.1:9001", drain_s=0)
        registration.start()
        child = os.fork()
        if child == 0:
            seen = [registration.registered]
            registration.stop()
            registration.start()
            seen.append(registration.registered)
            registration.stop()
            print(json.dumps(seen), flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        print(json.dumps(registration.registered), flush=True)
        """,
    )
    assert [json.loads(line) for line in out.splitlines()] == [[False, True], True]


async def test_it_starts_while_redis_is_frozen(own_server: RedisServer, own_pool: Pool) -> None:
    own_server.freeze()
    with ThreadedRegistration("web", ADDRESS, ttl_s=3600, drain_s=0, **own_pool.redis) as registration:
        assert not registration.registered
        own_server.thaw()
        await eventually(lambda: registration.registered)


def run_program(pool: Pool, body: str) -> str:
    """What a program with `body` prints; it must end with 0, and no thread of it with an exception."""
    head = "import json\nfrom cluster_lb.sdk import ThreadedRegistration\n"
    lines = [line.removeprefix("        ") for line in body.splitlines()]
    environment = {"CLUSTER_LB_REDIS": pool.url, "CLUSTER_LB_NAMESPACE": pool.namespace}
    quiet = ["-W", "ignore:This process:DeprecationWarning"]  # Python 3.12 and later: a fork beside threads
    done = subprocess.run(
        [sys.executable, *quiet, "-c", head + "\n".join(lines)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


def get(url: str) -> bytes:
    with urllib.request.urlopen(url) as response:
        body: bytes = response.read()
    return body


async def has_weight(pool: Pool, weight: int) -> bool:
    return (await pool.servers())[ADDRESS].weight == weight


async def says(pool: Pool, state: str, reason: str) -> bool:
    server = (await pool.servers())[ADDRESS]
    return (server.state, server.state_reason) == (state, reason)
