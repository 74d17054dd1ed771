"""Requests repeated to a shadow pool, which never matters to the client."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from cluster_lb.proxy import mirror
from cluster_lb.proxy.request_body import MAX_KEPT_BYTES
from tests.doubles.http_servers import OK, Close, Message, answering
from tests.doubles.waiting import eventually

ROUTE = {"name": "m", "pool": "web", "mirror": "shadow"}
GET = b"GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n"


def post(size: int) -> bytes:
    return b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size


async def idle(balancer) -> None:
    await eventually(lambda: not balancer.shadows.in_flight)


async def test_the_request_is_repeated_with_a_mark_and_the_answer_dropped(balancer):
    seen: list[Message] = []
    shadowed: list[Message] = []
    await balancer.answering(OK, seen=seen)
    balancer.route(ROUTE | {"strip_prefix": "/", "set_host": "inner"})
    await balancer.other_server(
        "shadow", answering(b"HTTP/1.1 500 X\r\nContent-Length: 3\r\n\r\nbad", seen=shadowed)
    )
    client = await balancer.client()
    for _ in range(3):
        assert (await client.ask(GET)).body == b"ok"
    assert (await client.ask(post(5))).body == b"ok"
    await eventually(lambda: len(shadowed) == 4)
    await idle(balancer)
    assert [message.line for message in shadowed] == [message.line for message in seen]
    assert {message["x-mirrored"] for message in shadowed} == {"m"}
    assert {message["host"] for message in shadowed} == {"inner"}
    assert shadowed[3].body == b"xxxxx"
    assert seen[0]["x-mirrored"] is None
    assert balancer.pools["shadow"].servers["shadow-0"].statuses == [0, 0, 0, 0, 0, 4]
    assert balancer.counts("m").statuses == [0, 0, 4, 0, 0, 0]
    assert (balancer.counts("m").mirrored, balancer.counts("m").unmirrored) == (4, 0)
    assert len(balancer.lines()) == 4


async def test_a_shadow_pool_that_goes_by_the_client_knows_whose_request_it_was(start):
    balancer = await start(trusted_proxies=["127.0.0.0/8"])
    await balancer.answering(OK)
    balancer.route(ROUTE)
    seen: list[str] = []
    shadow = balancer.pools["shadow"]
    await balancer.other_server("shadow", answering(OK))
    shadow._next_number = lambda exchange: seen.append(exchange.client.address()) or 0
    shadow._plain_period = 0
    client = await balancer.client()
    await client.ask(b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n")
    await idle(balancer)
    assert seen == ["203.0.113.7"]


async def test_a_percentage_is_mirrored_evenly(balancer):
    shadowed: list[Message] = []
    await balancer.answering(OK)
    balancer.route(ROUTE | {"mirror_percent": 25.0})
    await balancer.other_server("shadow", answering(OK, seen=shadowed))
    client = await balancer.client()
    for number in range(1, 13):
        await client.ask(GET)
        assert balancer.counts("m").mirrored == number // 4
    await eventually(lambda: len(shadowed) == 3)
    await idle(balancer)


async def test_a_shadow_that_is_silent_or_gone_harms_nobody(balancer, monkeypatch):
    await balancer.answering(OK)
    balancer.route(ROUTE)
    shadow = await balancer.other_server("shadow")
    monkeypatch.setattr(mirror, "MAX_SHADOWS", 2)
    client = await balancer.client()
    for _ in range(3):
        assert (await client.ask(GET)).status == 200
    assert (balancer.counts("m").mirrored, balancer.counts("m").unmirrored) == (2, 1)
    await (await shadow.accepted()).request()
    await (await shadow.accepted()).request()
    balancer.advance(mirror.SHADOW_S + 1)
    assert not balancer.shadows.in_flight
    await shadow.stop_listening()
    assert (await client.ask(GET)).status == 200
    await idle(balancer)
    live = balancer.pools["shadow"].servers["shadow-0"]
    assert live.load == 0
    assert live.statuses[5] == 3
    assert balancer.live().failures == 0


async def test_the_shadow_pool_takes_the_account_of_its_shadows_and_no_log_does(balancer):
    await balancer.answering(OK)
    balancer.route(ROUTE)
    shadow = await balancer.other_server("shadow", answering(Close()))
    pool = balancer.pools["shadow"]
    pool._measure(wanted=True)
    client = await balancer.client()
    with capture_logs() as logs:
        await client.ask(GET)
        await idle(balancer)
        await shadow.stop_listening()
        await client.ask(GET)
        await idle(balancer)
    assert [sum(pool.latency.counts), pool.servers["shadow-0"].statuses[5]] == [2, 2]
    assert pool.servers["shadow-0"].latency_s > 0.0
    assert (logs, len(balancer.lines())) == ([], 2)


async def test_a_shadow_is_tried_once(balancer):
    await balancer.answering(OK)
    balancer.route(ROUTE)
    await balancer.other_server("shadow", answering(Close()))
    client = await balancer.client()
    await client.ask(GET)
    await eventually(lambda: balancer.pools["shadow"].servers["shadow-0"].attempts == 1)
    await idle(balancer)
    assert balancer.pools["shadow"].retries == 0


async def test_a_pool_without_servers_is_a_shadow_too(balancer):
    await balancer.answering(OK)
    balancer.route(ROUTE)
    client = await balancer.client()
    assert (await client.ask(GET)).status == 200
    await idle(balancer)
    assert balancer.pools["shadow"].unserved == 1


@pytest.mark.parametrize(("size", "mirrored"), [(MAX_KEPT_BYTES, 1), (MAX_KEPT_BYTES + 1, 0)])
async def test_a_large_body_is_not_mirrored(balancer, size, mirrored):
    shadowed: list[Message] = []
    await balancer.answering(OK)
    balancer.route(ROUTE)
    await balancer.other_server("shadow", answering(OK, seen=shadowed))
    client = await balancer.client()
    assert (await client.ask(post(size))).status == 200
    assert (balancer.counts("m").mirrored, balancer.counts("m").unmirrored) == (mirrored, 1 - mirrored)
    await idle(balancer)
    await eventually(lambda: [len(message.body) for message in shadowed] == [size] * mirrored)


async def test_an_upgrade_is_not_mirrored(balancer):
    await balancer.answering(OK)
    balancer.route(ROUTE)
    client = await balancer.client()
    await client.ask(GET[:-2] + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n")
    assert balancer.counts("m").mirrored == 0


async def test_responses_can_be_edited_as_well(balancer):
    await balancer.answering(OK)
    balancer.route(ROUTE | {"response_headers": {"set": {"X-A": "1"}}})
    await balancer.other_server("shadow", answering(OK))
    client = await balancer.client()
    assert (await client.ask(GET))["x-a"] == "1"
    await idle(balancer)
    assert balancer.counts("m").mirrored == 1
