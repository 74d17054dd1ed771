"""Requests whose field blocks differ only in values that mean nothing here."""

from __future__ import annotations

from cluster_lb.proxy import shapes
from cluster_lb.proxy.shapes import Shapes
from tests.doubles.http_servers import OK, Message

HEAD = b"GET /%d HTTP/1.1\r\nHost: a.example\r\nCookie: session=%d\r\nX-%s: y\r\n\r\n"


def test_one_shape_a_tick_is_compiled():
    found = Shapes()
    first, second = (HEAD.partition(b"\r\n")[2] % (1, name) for name in (b"A", b"B"))
    assert found.find(first, 1.0) is not None
    assert found.find(second, 1.0) is None
    assert found.find(first.replace(b"session=1", b"session=2"), 1.0) is not None
    assert found.find(second, 1.25) is not None


def test_the_shapes_that_are_kept_are_bounded(monkeypatch):
    monkeypatch.setattr(shapes, "_MAX_SHAPES", 2)
    found = Shapes()
    for tick in range(9):
        assert found.find(b"X-%d: y\r\n\r\n" % tick, tick) is not None
        assert len(found._by_pattern) <= 2


async def test_every_request_reaches_the_server_with_its_own_lines(balancer):
    seen: list[Message] = []
    await balancer.answering(OK, seen=seen)
    client = await balancer.client()
    for number in range(8):
        assert (await client.ask(HEAD % (number, number, b"A"))).status == 200
    assert [message.line for message in seen] == [f"GET /{number} HTTP/1.1" for number in range(8)]
    assert [message["cookie"] for message in seen] == [f"session={number}" for number in range(8)]
    assert {message["x-forwarded-for"] for message in seen} == {"127.0.0.1"}
    assert {message["host"] for message in seen} == {"a.example"}


async def test_a_head_that_is_too_long_is_refused_although_its_shape_is_known(start):
    balancer = await start(max_head_bytes=1024)
    await balancer.answering(OK)
    client = await balancer.client()
    for number in range(4):
        assert (await client.ask(HEAD % (number, number, b"A"))).status == 200
    assert (await client.ask(HEAD.replace(b"session=%d", b"%01000d") % (4, 4, b"A"))).status == 431


async def test_what_is_malformed_is_refused_although_its_shape_is_known(balancer):
    await balancer.answering(OK)
    client = await balancer.client()
    for number in range(4):
        assert (await client.ask(HEAD % (number, number, b"A"))).status == 200
    assert (await client.ask(HEAD.replace(b"session=%d", b"a\nb%d") % (4, 4, b"A"))).status == 400


async def test_a_new_connection_knows_the_shape_of_the_last_one(balancer):
    seen: list[Message] = []
    await balancer.answering(OK, seen=seen)
    for number in range(6):
        client = await balancer.client()
        assert (await client.ask(HEAD % (number, number, b"A"))).status == 200
    assert [message["cookie"] for message in seen] == [f"session={number}" for number in range(6)]
