"""A request over a limit on the wire: what its client gets, and what becomes of its connection."""

from __future__ import annotations

import pytest

from cluster_lb.model.rate_limit import Denial, Quota, RateLimit
from cluster_lb.proxy.mirror import Shadows
from cluster_lb.proxy.rate_limits import limits_of
from cluster_lb.proxy.route_table import build_table
from cluster_lb.proxy.router import Router
from cluster_lb.settings.schema import RouteSettings
from tests.doubles.http_servers import OK, Message

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


class Script:
    """Keys of a limit that answer as they are told: a denial, or None, for each request, in turn."""

    def __init__(self, *answers: Denial | None) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def take(self, key: str) -> Denial | None:
        self.asked.append(key)
        return self.answers.pop(0)

    def quota(self, key: str) -> Quota:
        return Quota(remaining=7, full_in_s=12.3)


def limit(balancer, *scripts: Script, **settings: object) -> None:
    """One route, to the balancer's pool, with a limit for each script."""
    limit_route(balancer, {"pool": "web"}, *scripts, **settings)


def limit_route(balancer, route: dict[str, object], *scripts: Script, **settings: object) -> None:
    """The same for a route of any kind."""
    limits = [
        {"name": f"l{number}", "requests": 100, "window_s": 60, **settings} for number in range(len(scripts))
    ]
    found = RouteSettings.model_validate({**route, "rate_limits": limits})
    by_name = {f"l{number}": script for number, script in enumerate(scripts)}

    def ensure(asked: RateLimit) -> Script:
        return by_name[asked.name]

    table = build_table(
        [found],
        {"web": balancer.pool},
        balancer.pool,
        Shadows(balancer.ticker),
        rate_limits=[limits_of(found, ensure=ensure)],
    )
    balancer.listener.route_by(Router(balancer.pool, table))


async def test_over_the_limit_there_is_a_429_that_says_when_to_come_back(balancer, events):
    server = await balancer.answering(OK)
    limit(balancer, Script(None, Denial(2.1), None))
    client = await balancer.client()
    assert (await client.ask(GET)).status == 200
    reply = await client.ask(GET)
    assert reply.status == 429
    assert reply.headers[1:] == (
        ("content-type", "text/plain"),
        ("content-length", "43"),
        ("cache-control", "no-store"),
        ("retry-after", "3"),
        ("ratelimit-policy", '"l0";q=100;w=60'),
        ("ratelimit", '"l0";r=0;t=3'),
    )
    assert reply.body == b"429 Too Many Requests: rate limit exceeded\n"
    assert (await client.ask(GET)).status == 200
    assert len(server.peers) == 1
    assert balancer.live().attempts == 2
    assert balancer.pool.statuses[4] == 1
    assert (await balancer.line(1)) == '"GET /" 429 web/- attempts=0'
    assert events == []  # the access log has it: a flood must not become a flood of warnings


async def test_it_has_the_lines_that_the_listener_adds_to_every_response(balancer):
    balancer.listener.response_lines = b"Strict-Transport-Security: max-age=1\r\n"
    limit(balancer, Script(Denial(1.0)))
    client = await balancer.client()
    assert (await client.ask(GET))["strict-transport-security"] == "max-age=1"


async def test_the_next_token_is_never_announced_too_early(balancer):
    limit(balancer, Script(Denial(0.0), Denial(1.0), Denial(1.01)))
    client = await balancer.client()
    assert [(await client.ask(GET))["retry-after"] for _ in range(3)] == ["1", "1", "2"]


@pytest.mark.parametrize("request_bytes", [POST, CHUNKED])
async def test_a_body_that_came_with_its_head_is_read_and_the_connection_stays(balancer, request_bytes):
    await balancer.answering(OK)
    limit(balancer, Script(Denial(1.0), None))
    client = await balancer.client()
    await client.send(request_bytes + GET)
    denied, served = await client.response(), await client.response()
    assert (denied.status, denied["connection"]) == (429, None)
    assert (served.status, served.body) == (200, b"ok")


async def test_a_body_that_is_still_to_come_ends_the_connection(balancer):
    await balancer.answering(OK)
    limit(balancer, Script(Denial(1.0)))
    client = await balancer.client()
    reply = await client.ask(POST.replace(b"hello", b"he"))
    assert (reply.status, reply["connection"]) == (429, "close")
    await client.send(b"llo" + GET)
    assert await client.rest() == b""
    assert balancer.live().attempts == 0


async def test_expectations_of_a_denied_request_are_not_met(balancer):
    limit(balancer, Script(Denial(1.0)))
    client = await balancer.client()
    head = POST.replace(b"hello", b"").replace(b"Content", b"Expect: 100-continue\r\nContent")
    assert (await client.ask(head)).status == 429
    assert await client.rest() == b""


async def test_head_gets_no_body_and_http_1_0_no_second_request(balancer):
    await balancer.answering(OK)
    limit(balancer, Script(Denial(1.0), None, Denial(1.0)))
    client = await balancer.client()
    assert (await client.ask(GET.replace(b"GET", b"HEAD"), "HEAD")).status == 429
    assert (await client.ask(GET)).body == b"ok"
    reply = await client.ask(GET.replace(b"1.1", b"1.0"))
    assert (reply.status, reply["connection"]) == (429, "close")
    assert await client.rest() == b""


async def test_requests_sent_ahead_are_answered_in_order(balancer):
    await balancer.answering(OK)
    limit(balancer, Script(Denial(1.0), None, Denial(1.0), Denial(1.0), None))
    client = await balancer.client()
    await client.send(GET * 5)
    assert [(await client.response()).status for _ in range(5)] == [429, 200, 429, 429, 200]


async def test_where_the_limit_cannot_be_checked_a_closed_one_is_a_503(balancer):
    limit(balancer, Script(Denial(1.0, cut_off=True)))
    reply = await (await balancer.client()).ask(GET)
    assert (reply.status, reply["retry-after"], reply["ratelimit"]) == (503, "1", None)


async def test_each_limit_must_let_it_pass_and_those_after_a_denial_do_not_count_it(balancer):
    await balancer.answering(OK)
    first, second = Script(None, Denial(1.0), None), Script(None, Denial(5.0))
    limit(balancer, first, second)
    client = await balancer.client()
    assert [(await client.ask(GET))["ratelimit"] for _ in range(3)] == [None, '"l0";r=0;t=1', '"l1";r=0;t=5']
    assert (len(first.asked), len(second.asked)) == (3, 2)


async def test_answers_within_the_limit_say_what_is_left_when_they_are_asked_to(balancer):
    seen: list[Message] = []
    await balancer.answering(OK, OK, seen=seen)
    limit(balancer, Script(None, None), headers=True)
    client = await balancer.client()
    for _ in range(2):
        reply = await client.ask(GET)
        assert (reply["ratelimit-policy"], reply["ratelimit"]) == ('"l0";q=100;w=60', '"l0";r=7;t=13')
        assert reply.body == b"ok"
    assert seen[0]["ratelimit"] is None


async def test_answers_within_the_limit_are_as_they_came_otherwise(balancer):
    await balancer.answering(OK)
    limit(balancer, Script(None, None))
    client = await balancer.client()
    for _ in range(2):
        assert (await client.ask(GET)).headers == (("content-length", "2"),)


async def test_clients_are_told_apart_by_their_address(balancer):
    await balancer.answering(OK)
    script = Script(None)
    limit(balancer, script)
    await (await balancer.client()).ask(GET)
    assert script.asked == ["127.0.0.1"]


async def test_answers_of_a_route_say_what_is_left_too(balancer):
    limit_route(balancer, {"respond": {"body": "x"}}, Script(None, Denial(1.0)), headers=True)
    client = await balancer.client()
    reply = await client.ask(GET)
    assert (reply.status, reply["ratelimit"]) == (200, '"l0";r=7;t=13')
    assert (await client.ask(GET)).status == 429
    assert (len(balancer.lines()), balancer.ledger.connections) == (2, 1)
