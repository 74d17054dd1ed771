"""A request and its response, as they pass."""

from __future__ import annotations

import pytest

from tests.doubles.http_servers import OK, answering
from tests.doubles.waiting import eventually

GET = b"GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"


async def test_requests_of_a_client_share_its_connection_and_one_to_the_server(balancer):
    server = await balancer.answering(OK)
    client = await balancer.client()
    for _ in range(5):
        assert (await client.ask(GET)).body == b"ok"
    assert len(server.peers) == 1
    assert balancer.live().attempts == 5
    assert balancer.live().statuses == [0, 0, 5, 0, 0, 0]
    assert sum(balancer.pool.latency.counts) == 5
    assert balancer.lines()[0].startswith('"GET /x" 200 web/s0 attempts=1 in=0 out=2 first_byte=')
    assert len(balancer.lines()) == 5
