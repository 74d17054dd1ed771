"""What is repeated at another server, as the settings say, and how often."""

from __future__ import annotations

import pytest

from cluster_lb.proxy.rules import Rules
from cluster_lb.settings.retries import RetryOn
from cluster_lb.settings.schema import PoolSettings
from tests.doubles.http_servers import OK, Close, Handler, Peer, answering
from tests.doubles.waiting import eventually

GET = b"GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"
JUNK = b"HTTP/1.1 2000 No\r\n\r\n"


def retries(*words: str, **more: object) -> dict[str, object]:
    return {"retries": {"on": words, **more}}


@pytest.mark.parametrize("word", list(RetryOn))
def test_every_word_is_in_the_rules(word):
    rules = Rules.of(PoolSettings.model_validate(retries(word)))
    assert word in rules.retry_on
    assert rules.retry_statuses == ({int(word)} if word.isdigit() else set())


@pytest.mark.parametrize(
    ("words", "step", "status"),
    [
        ((), Close(), 502),
        (("empty-response",), Close(), 200),
        (("conn-failure",), Close(), 502),
        (("empty-response",), JUNK, 502),
        (("junk-response",), JUNK, 200),
        (("junk-response",), BUSY, 503),
        (("503",), BUSY, 200),
        (("502", "504"), BUSY, 503),
    ],
)
async def test_a_get_is_repeated_where_a_word_says_so(start, words, step, status):
    balancer = await start(pool=retries(*words))
    await balancer.answering(step)
    await balancer.answering(OK)
    client = await balancer.client()
    assert (await client.ask(GET)).status == status


async def test_no_connection_is_repeated_only_where_a_word_says_so(start):
    balancer = await start(pool=retries("empty-response"))
    await (await balancer.server()).stop_listening()
    await balancer.answering(OK)
    client = await balancer.client()
    assert (await client.ask(GET)).status == 502


async def test_a_status_that_may_be_repeated_is_seen_under_a_head_seen_before(start):
    balancer = await start(pool=retries("503"))
    await balancer.answering(BUSY)
    await balancer.answering(OK)
    client = await balancer.client()
    assert [(await client.ask(GET)).status for _ in range(6)] == [200] * 6
    assert (balancer.live(0).attempts, balancer.live(0).failures) == (3, 3)
    assert balancer.pool.retries == 3


async def test_words_may_change_under_traffic(start):
    balancer = await start(pool=retries("conn-failure"))
    await balancer.answering(BUSY)
    await balancer.answering(OK)
    client = await balancer.client()
    assert [(await client.ask(GET)).status for _ in range(4)] == [503, 200, 503, 200]
    balancer.pool.configure(PoolSettings.model_validate(retries("503")))
    assert [(await client.ask(GET)).status for _ in range(4)] == [200, 200, 200, 200]


async def test_the_last_servers_answer_is_the_answer(start):
    balancer = await start(pool=retries("503"))
    for text in b"one", b"two":
        await balancer.answering(BUSY.replace(b"4", b"3").replace(b"busy", text))
    client = await balancer.client()
    reply = await client.ask(GET)
    assert (reply.status, reply.body) == (503, b"two")
    assert await balancer.line() == '"GET /x" 503 web/s1 attempts=2'


@pytest.mark.parametrize(("allowed", "status"), [(False, 503), (True, 200)])
async def test_a_post_reaches_two_servers_only_where_that_is_set(start, allowed, status):
    balancer = await start(pool=retries("503", non_idempotent=allowed))
    await balancer.answering(BUSY)
    await balancer.answering(OK)
    client = await balancer.client()
    assert (await client.ask(POST)).status == status


async def test_a_try_that_takes_too_long_is_repeated(start):
    balancer = await start(pool=retries("response-timeout", try_timeout_s=1))
    silent = await balancer.server()
    await balancer.answering(OK)
    client = await balancer.client()
    await client.send(GET)
    await (await silent.accepted()).request()
    balancer.advance(0.9)
    assert balancer.pool.retries == 0
    balancer.advance(0.2)
    assert (await client.response()).status == 200
    assert await balancer.line() == '"GET /x" 200 web/s1 attempts=2'


async def test_the_time_of_a_try_ends_with_the_first_byte_of_a_response(start):
    balancer = await start(pool=retries("response-timeout", try_timeout_s=1))
    server = await balancer.server()
    client = await balancer.client()
    await client.send(GET)
    peer = await server.accepted()
    await peer.request()
    await peer.send(OK[:-1])
    await client.head()
    balancer.advance(5)
    await peer.send(OK[-1:])
    assert await client.read(2) == b"ok"


async def test_an_empty_budget_ends_the_repeats(start):
    balancer = await start(pool=retries("503", budget=0.0, budget_floor_per_s=0.2))
    await balancer.answering(BUSY)
    await balancer.answering(OK)
    client = await balancer.client()
    # every second request comes to the busy server; two retries are allowed in ten seconds
    assert [(await client.ask(GET)).status for _ in range(8)] == [200, 200, 200, 200, 503, 200, 503, 200]
    assert balancer.pool.budget.denied == 2


async def test_retries_are_no_requests(start):
    balancer = await start(pool=retries("503", budget=0.5, budget_floor_per_s=0.0))
    await balancer.answering(BUSY)
    await balancer.answering(OK)
    client = await balancer.client()

    async def asked(count: int) -> int:
        return [(await client.ask(GET)).status for _ in range(count)].count(200)

    assert await asked(8) == 4
    balancer.advance(0.5)
    assert await asked(10) == 5 + 4  # half of the eight
    balancer.advance(0.5)
    assert await asked(12) == 6 + 5  # half of the ten, although four more attempts were made


async def test_a_stale_connection_costs_no_budget(start):
    balancer = await start(pool=retries("empty-response", budget=0.0, budget_floor_per_s=0.0))
    await balancer.answering(OK, Close())
    other = await balancer.answering(OK)
    client = await balancer.client()
    for _ in range(3):
        assert (await client.ask(GET)).status == 200
    assert len(other.peers) == 2


async def once(peer: Peer) -> None:
    """Answers one request on a connection, and closes it at the second."""
    await peer.request()
    await peer.send(OK)
    await peer.request()
    await peer.close()


async def with_a_stale_connection(start, attempts: int, *handlers: Handler):
    """A balancer with these servers whose next request goes to s0, over a connection that s0 closes; and a
    client."""
    balancer = await start(pool={"attempts": attempts})
    await balancer.server(handlers[0])
    client = await balancer.client()
    assert (await client.ask(GET)).status == 200
    await balancer.kept()
    for other in handlers[1:]:
        await balancer.server(other)
        balancer.pool.tickets.take()
    return balancer, client


@pytest.mark.parametrize("attempts", [1, 2, 3])
@pytest.mark.parametrize("spared", [0, 1])
async def test_a_stale_connection_is_none_of_the_attempts(start, attempts, spared):
    # One script for three servers: an answer, the stale connection, then what all attempts after it meet.
    script = answering(OK, *[Close()] * (1 + attempts - spared), OK)
    balancer, client = await with_a_stale_connection(start, attempts, script, script, script)
    assert (await client.ask(GET)).status == (200 if spared else 502)
    assert (await balancer.line(1)).endswith(f" attempts={attempts + 1}")
    assert sum(live.failures for live in balancer.pool.servers.values()) == attempts - spared


@pytest.mark.parametrize("attempts", [2, 3])
async def test_a_stale_connection_after_a_failure_is_none_either(start, attempts):
    balancer, client = await with_a_stale_connection(start, attempts, once, answering(Close()))
    balancer.pool.tickets.take()  # so that the failing server's turn is first
    assert (await client.ask(GET)).status == 200
    assert await balancer.line(1) == '"GET /x" 200 web/s0 attempts=3'


async def test_after_a_stale_connection_all_attempts_are_on_fresh_ones(start):
    balancer, client = await with_a_stale_connection(start, 2, once, once)
    balancer.pool.tickets.take()
    assert (await client.ask(GET)).status == 200  # so that s1 has one too
    await balancer.kept(1)
    assert (await client.ask(GET)).status == 200
    assert [len(server.peers) for server in balancer.servers] == [1, 2]
    assert balancer.pool.retries == 1


async def test_a_server_with_a_stale_connection_is_better_than_one_that_cannot_be_reached(start):
    balancer, client = await with_a_stale_connection(start, 1, once, answering(Close()))
    balancer.live(1).out = True
    assert (await client.ask(GET)).status == 200
    assert await balancer.line(1) == '"GET /x" 200 web/s0 attempts=2'


async def test_a_dropped_response_never_reaches_the_client(start):
    balancer = await start(pool=retries("503"))
    first = await balancer.server()
    await balancer.answering(OK)
    client = await balancer.client()
    await client.send(GET)
    peer = await first.accepted()
    await peer.request()
    await peer.send(BUSY[:-2])
    assert (await client.response()).body == b"ok"
    await eventually(lambda: balancer.live().connections == 0)
