"""Routes that answer by themselves."""

from __future__ import annotations

import pytest

from tests.doubles.http_servers import Message

HTTPS = {"redirect": {"location": "https://{host}{uri}"}}


def get(target: bytes, *lines: bytes, method: bytes = b"GET", host: bytes = b"a.example:80") -> bytes:
    head = [b"%b %b HTTP/1.1" % (method, target), b"Host: " + host, *lines]
    return b"\r\n".join(head) + b"\r\n\r\n"


async def test_a_redirect_is_told_and_the_connection_stays(balancer):
    balancer.route({"name": "https", **HTTPS})
    client = await balancer.client()
    for _ in range(2):
        message = await client.ask(get(b"/x?y=1"))
        assert message.line == "HTTP/1.1 308 Permanent Redirect"
        assert message["location"] == "https://a.example/x?y=1"
        assert (message["server"], message["connection"]) == ("cluster-lb", None)
        assert message.body == b"308 Permanent Redirect\n"
    assert await balancer.line() == '"GET /x?y=1" 308 -/- attempts=0'
    assert balancer.counts("https").statuses == [0, 0, 0, 2, 0, 0]
    assert balancer.pool.unserved == 0
    assert balancer.ledger.refused == {}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_has_the_status_of_its_route(balancer, status):
    balancer.route({"redirect": {"status": status, "location": "/new"}})
    message = await (await balancer.client()).ask(get(b"/"))
    assert (message.status, message["location"]) == (status, "/new")


async def test_a_fixed_response_has_the_body_type_and_fields_of_its_route(balancer):
    respond = {"status": 404, "body": '{"no": "such"}', "content_type": "application/json"}
    balancer.route({"respond": respond, "response_headers": {"set": {"Server": "x", "X-Route": "{route}"}}})
    message = await (await balancer.client()).ask(get(b"/"))
    assert (message.status, message.body) == (404, b'{"no": "such"}')
    assert (message["content-type"], message["server"], message["x-route"]) == ("application/json", "x", "*/")


@pytest.mark.parametrize("status", [204, 304])
async def test_a_status_without_a_body_has_no_field_about_one(balancer, status):
    balancer.route({"respond": {"status": status}})
    client = await balancer.client()
    for _ in range(2):
        message = await client.ask(get(b"/"))
        assert (message.status, message["content-length"], message["content-type"]) == (status, None, None)


async def test_head_gets_the_head_alone(balancer):
    balancer.route({"respond": {"body": "hello"}})
    client = await balancer.client()
    message = await client.ask(get(b"/", method=b"HEAD"), "HEAD")
    assert message["content-length"] == "5"
    assert (await client.ask(get(b"/"))).body == b"hello"


async def test_a_body_that_came_with_its_head_is_passed_over(balancer):
    balancer.route({"respond": {"body": "hello"}})
    client = await balancer.client()
    post = get(b"/", b"Content-Length: 3", method=b"POST") + b"abc"
    for _ in range(2):
        assert (await client.ask(post)).body == b"hello"


async def test_a_body_that_is_still_to_come_is_not_waited_for(balancer):
    """The connection is closed in the orderly way: the client gets the answer though it is still sending."""
    balancer.route({"respond": {"status": 403}})
    client = await balancer.client()
    message = await client.ask(get(b"/", b"Content-Length: 1000000", method=b"POST"))
    assert (message.status, message["connection"]) == (403, "close")
    await client.send(b"x" * 1000)
    assert await client.rest() == b""


async def test_while_draining_the_connection_is_closed_after_the_answer(balancer):
    balancer.route({"respond": {"status": 200}})
    client = await balancer.client()
    await client.ask(get(b"/"))
    balancer.listener.drain()
    assert (await client.ask(get(b"/")))["connection"] == "close"
    assert await client.rest() == b""


async def test_a_client_that_wants_the_connection_closed_gets_that(balancer):
    balancer.route({"respond": {"status": 200}})
    client = await balancer.client()
    assert (await client.ask(get(b"/", b"Connection: close")))["connection"] == "close"
    assert await client.rest() == b""


async def test_a_redirect_by_host_is_refused_to_a_client_that_names_none(balancer):
    balancer.route(HTTPS)
    client = await balancer.client()
    message: Message = await client.ask(b"GET / HTTP/1.0\r\n\r\n")
    assert (message.status, message["location"]) == (400, None)


@pytest.mark.parametrize(
    ("target", "location"),
    [
        (b"/a%0d%0aX: y".replace(b" ", b""), "https://a.example/a%0d%0aX:y"),
        (b'/<"\\^`{|}>', "https://a.example/%3C%22%5C%5E%60%7B%7C%7D%3E"),
        (b"//evil.example/x", "https://a.example//evil.example/x"),
        (b"/?a=%20&b", "https://a.example/?a=%20&b"),
    ],
)
async def test_no_target_breaks_out_of_the_location(balancer, target, location):
    balancer.route(HTTPS)
    assert (await (await balancer.client()).ask(get(target)))["location"] == location


async def test_options_asterisk_takes_no_route(balancer):
    balancer.route(HTTPS)
    message = await (await balancer.client()).ask(get(b"*", method=b"OPTIONS"))
    assert message.status == 503
