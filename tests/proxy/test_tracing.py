"""Traces, on the wire: what a server is told, and what is exported when an exchange settles."""

from __future__ import annotations

from random import Random

import aiohttp
import pytest

from cluster_lb.model.address import Address
from cluster_lb.model.rate_limit import Denial
from cluster_lb.proxy.tracing import Tracer
from cluster_lb.wire.trace_context import parse_traceparent
from tests.doubles.certificates import Authority
from tests.doubles.http_servers import OK
from tests.doubles.ports import free_port
from tests.doubles.waiting import eventually
from tests.proxy.test_dialled import serving
from tests.proxy.test_marks import get, sent_on
from tests.proxy.test_rate_limits import Script, limit
from tests.proxy.test_retries import BUSY

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def parent_of(message):
    return parse_traceparent(message["traceparent"].encode())


@pytest.fixture
def exported():
    return []


@pytest.fixture
def tracer(exported):
    return Tracer(exported.append, 1.0, Random(1))


async def test_a_request_without_a_trace_begins_one(start, tracer, exported):
    balancer = await start(tracer=tracer)
    seen = await sent_on(balancer, get(), get())
    await eventually(lambda: len(exported) == 2)
    assert len({parent_of(message).trace_id for message in seen}) == 2
    for message, span in zip(seen, exported, strict=True):
        told, (attempt,) = parent_of(message), span.attempts
        assert (told.trace_id, told.span_id, told.sampled) == (span.trace_id, attempt.span_id, True)
        assert span.parent is None
        assert span.span_id != attempt.span_id
        assert (span.status, attempt.status, attempt.server_id, attempt.failure) == (200, 200, "s0", None)
        assert span.started <= attempt.started <= attempt.ended <= span.ended


async def test_a_trace_goes_on_with_a_span_of_this_hop(start, tracer, exported):
    balancer = await start(tracer=tracer)
    (seen,) = await sent_on(balancer, get(f"traceparent: 00-{TRACE}-{SPAN}-00", "tracestate: a=1"))
    await eventually(lambda: exported)
    told = parent_of(seen)
    assert told.trace_id.decode() == TRACE
    assert told.span_id.decode() != SPAN
    assert seen["tracestate"] == "a=1"
    assert exported[0].parent.span_id.decode() == SPAN
    assert exported[0].state == b"a=1"


async def test_a_malformed_trace_is_replaced(start, tracer):
    balancer = await start(tracer=tracer)
    (seen,) = await sent_on(balancer, get("traceparent: 00-zz", "tracestate: a=1"))
    assert parent_of(seen) is not None
    assert seen["tracestate"] is None


@pytest.mark.parametrize(("flag", "count"), [("01", 1), ("00", 0)])
async def test_a_trusted_proxy_decides_what_is_sampled(start, exported, flag, count):
    tracer = Tracer(exported.append, 1.0 if flag == "00" else 0.0, Random(1))
    balancer = await start(tracer=tracer, trusted_proxies=["127.0.0.1/32"])
    (seen,) = await sent_on(balancer, get(f"traceparent: 00-{TRACE}-{SPAN}-{flag}"))
    await balancer.settled()
    assert parent_of(seen).sampled is bool(count)
    assert len(exported) == count


async def test_nobody_else_can_have_all_recorded(start, exported):
    balancer = await start(tracer=Tracer(exported.append, 0.0, Random(1)))
    (seen,) = await sent_on(balancer, get(f"traceparent: 00-{TRACE}-{SPAN}-01"))
    await balancer.settled()
    assert not parent_of(seen).sampled
    assert parent_of(seen).trace_id.decode() == TRACE
    assert exported == []


async def test_each_attempt_is_a_span_and_a_server_gets_that_of_its_own(start, tracer, exported, events):
    balancer = await start(tracer=tracer, request_id=True)
    seen = []
    server = await balancer.answering(OK, seen=seen)
    balancer.adopt(Address("127.0.0.1", free_port()), server.address)
    assert (await (await balancer.client()).ask(get("A: 1"))).status == 200
    await eventually(lambda: exported)
    failed, good = exported[0].attempts
    assert (failed.server_id, failed.failure.status, failed.status) == ("s0", 502, 0)
    assert (good.server_id, good.failure, good.status) == ("s1", None, 200)
    assert parent_of(seen[0]).span_id == good.span_id != failed.span_id
    assert (seen[0]["a"], len(seen[0]["x-request-id"])) == ("1", 32)


async def test_an_exchange_without_a_server_has_no_attempts(start, tracer, exported, events):
    balancer = await start(tracer=tracer)
    assert (await (await balancer.client()).ask(get())).status == 503
    assert [(span.status, span.attempts) for span in exported] == [(503, ())]


async def test_a_response_that_is_repeated_for_its_status_was_an_attempt_too(start, tracer, exported):
    balancer = await start(tracer=tracer, pool={"retries": {"on": ["503"]}})
    seen = []
    await balancer.answering(BUSY, seen=seen)
    await balancer.answering(OK, seen=seen)
    assert (await (await balancer.client()).ask(get())).status == 200
    await eventually(lambda: exported)
    busy, good = exported[0].attempts
    assert [(a.server_id, a.status, a.failure) for a in (busy, good)] == [
        ("s0", 503, None),
        ("s1", 200, None),
    ]
    assert [parent_of(message).span_id for message in seen] == [busy.span_id, good.span_id]


async def test_a_denied_request_has_its_id_and_its_span(start, tracer, exported):
    balancer = await start(tracer=tracer, request_id=True, trusted_proxies=["127.0.0.1/32"])
    limit(balancer, Script(Denial(1.0)))
    client = await balancer.client()
    assert (await client.ask(get("X-Request-Id: mine"))).status == 429
    assert [(span.status, span.attempts) for span in exported] == [(429, ())]
    assert balancer.lines()[0].endswith(" request_id=mine")


async def test_a_span_says_whether_tls_was_spoken(start, tracer, exported, tmp_path):
    authority = Authority(tmp_path)
    balancer = await start(
        tracer=tracer,
        tls=[authority.issue("a.example")],
        pool={"tls": {"ca": str(authority.path)}},
    )
    shown = authority.issue("127.0.0.1", file="server")
    async with serving(authority.server_context(shown)) as server:
        balancer.adopt(server.address)
        async with aiohttp.ClientSession() as session:
            url = f"https://127.0.0.1:{balancer.listener.address.port}/"
            async with session.get(
                url, ssl=authority.client_context(), server_hostname="a.example"
            ) as answer:
                assert answer.status == 200
        await balancer.settled()
        balancer.live().close_idle()
    assert (exported[0].scheme, exported[0].attempts[0].scheme) == ("https", "https")


async def test_and_whether_it_was_not(start, tracer, exported):
    balancer = await start(tracer=tracer)
    await sent_on(balancer, get())
    await eventually(lambda: exported)
    assert (exported[0].scheme, exported[0].attempts[0].scheme) == ("http", "http")
