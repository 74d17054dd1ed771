"""Request ids, on the wire: which one the server gets, and which one is logged."""

from __future__ import annotations

import re

import pytest

from cluster_lb.proxy.marks import new_id
from tests.doubles.http_servers import OK

TRUSTING = {"request_id": True, "trusted_proxies": ["127.0.0.1/32"]}


def get(*lines: str) -> bytes:
    return "\r\n".join(["GET /x HTTP/1.1", "Host: a", *lines, "", ""]).encode()


async def sent_on(balancer, *requests: bytes) -> list[bytes]:
    """The heads that the server gets for these requests of one client."""
    seen = []
    await balancer.answering(OK, seen=seen)
    client = await balancer.client()
    for request in requests:
        assert (await client.ask(request)).status == 200
    return seen


async def test_off_a_field_of_that_name_and_the_trace_context_pass_untouched(balancer):
    lines = ["x-request-id: whatever it is", "traceparent: 00-nonsense", "tracestate: a=1", "TraceState: b=2"]
    (seen,) = await sent_on(balancer, get(*lines))
    for line in lines:
        name, _, value = line.partition(": ")
        assert value in seen[name.lower()]


async def test_each_request_has_an_id_of_its_own(start):
    balancer = await start(request_id=True)
    seen = await sent_on(balancer, *[get("A: 1")] * 4, get("A: 2"))
    ids = [message["x-request-id"] for message in seen]
    assert len(set(ids)) == 5
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in ids)
    await balancer.settled()
    assert [line.partition("request_id=")[2] for line in balancer.lines()] == ids


async def test_an_id_of_anybody_is_replaced(start):
    balancer = await start(request_id=True)
    (seen,) = await sent_on(balancer, get("X-REQUEST-ID: mine", "A: 1"))
    assert re.fullmatch("[0-9a-f]{32}", seen["x-request-id"])
    assert seen["a"] == "1"


@pytest.mark.parametrize(("given", "kept"), [("mine-1", True), ("not mine", False), ("x" * 129, False)])
async def test_a_well_formed_id_of_a_trusted_proxy_is_kept(start, given, kept):
    balancer = await start(**TRUSTING)
    (seen,) = await sent_on(balancer, get(f"X-Request-Id: {given}"))
    assert (seen["x-request-id"] == given) is kept
    await balancer.settled()
    assert balancer.lines()[0].endswith(f"request_id={seen['x-request-id']}")


async def test_the_field_may_have_another_name(start):
    balancer = await start(**TRUSTING, request_id_header="X-Correlation-Id")
    (seen,) = await sent_on(balancer, get("x-correlation-id: c", "X-Request-Id: r"))
    assert (seen["x-correlation-id"], seen["x-request-id"]) == ("c", "r")


async def test_a_request_with_a_body_has_one_too(start):
    balancer = await start(request_id=True)
    post = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
    (seen,) = await sent_on(balancer, post)
    assert seen["x-request-id"]
    assert seen.body == b"hello"


async def test_a_request_that_no_server_gets_has_one_in_the_log(start):
    balancer = await start(request_id=True)
    assert (await (await balancer.client()).ask(get())).status == 503
    assert re.search(r" request_id=[0-9a-f]{32}$", balancer.lines()[0])


def test_ids_differ_and_have_128_bits():
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert {len(one) for one in ids} == {32}
