"""What is told of a server for outlier detection, and that nothing else is."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from cluster_lb.model.sample import Run, Sample
from cluster_lb.proxy.outcomes import Outcomes, Traffic
from cluster_lb.settings.schema import PoolSettings
from tests.doubles.http_servers import OK, Close, Wait
from tests.doubles.waiting import eventually

GET = b"GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n"
ON = {"outliers": {}}
NONE, BROKEN = Run(False, 0), Run(True, 0)


def answer(status: int, body: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


class OnePool:
    """In place of all pools of a node."""

    def __init__(self, pool) -> None:
        self._pool = pool

    def ensure(self, name: str):
        return self._pool


def traffic(balancer) -> Traffic:
    return Traffic(OnePool(balancer.pool))


def one_server(load: int, tunnels: int = 0):
    """A pool with one server that is so busy."""
    server = SimpleNamespace(id="s0", load=load, tunnels=tunnels, outcomes=Outcomes(0), successes=0)
    return SimpleNamespace(servers={"s0": server})


async def sample_after(start, steps, requests: int, **pool) -> Sample | None:
    """What is told of the only server when it answered that many requests by these steps."""
    balancer = await start(pool=ON | {"attempts": 1} | pool)
    await balancer.answering(*steps)
    for _ in range(requests):
        client = await balancer.client()
        await client.ask(GET)
    await balancer.settled()
    return traffic(balancer).take_samples("web").get("s0")


class TestCounting:
    def test_failures_add_up_to_a_run_until_a_success(self):
        outcomes = Outcomes(10)
        outcomes.on_5xx(500, successes=10)
        outcomes.on_5xx(503, successes=10)
        assert outcomes.take(10) == Sample(0, 2, Run(False, 2), Run(True, 1), BROKEN)
        outcomes.on_5xx(502, successes=10)
        outcomes.on_5xx(502, successes=12)
        assert outcomes.take(12) == Sample(2, 2, Run(True, 1), Run(True, 1), BROKEN)

    def test_a_success_after_the_last_failure_ends_its_run(self):
        outcomes = Outcomes(0)
        outcomes.on_5xx(500, successes=0)
        assert outcomes.take(1) == Sample(1, 1, BROKEN, BROKEN, BROKEN)

    def test_what_is_told_counts_anew(self):
        outcomes = Outcomes(0)
        outcomes.on_local_failure(successes=0)
        assert outcomes.take(0) == Sample(0, 1, NONE, NONE, Run(False, 1))
        assert outcomes.take(0) is None
        assert outcomes.take(3) == Sample(3, 0, BROKEN, BROKEN, BROKEN)
        outcomes.on_local_failure(successes=3)
        assert outcomes.take(3) == Sample(0, 1, NONE, NONE, Run(False, 1))

    def test_an_answer_even_a_bad_one_breaks_a_run_of_local_failures_and_not_the_reverse(self):
        outcomes = Outcomes(0)
        outcomes.on_local_failure(successes=0)
        outcomes.on_5xx(500, successes=0)
        outcomes.on_local_failure(successes=0)
        assert outcomes.take(0) == Sample(0, 3, Run(False, 1), BROKEN, Run(True, 1))


class TestBusy:
    def test_attempts_in_flight_at_each_look_add_up_to_the_time_that_they_took(self):
        pool = one_server(load=3)
        for _ in range(4):
            Traffic(OnePool(pool)).look("web", 0.25)
        sample = Traffic(OnePool(pool)).take_samples("web")["s0"]
        assert (sample.busy_ms, sample.ok, sample.failed) == (3000, 0, 0)
        assert Traffic(OnePool(pool)).take_samples("web") == {}

    def test_tunnels_are_no_slow_requests(self):
        pool = one_server(load=3, tunnels=3)
        Traffic(OnePool(pool)).look("web", 0.25)
        assert Traffic(OnePool(pool)).take_samples("web") == {}


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([answer(200)], Sample(4, 0, BROKEN, BROKEN, BROKEN)),
        ([answer(404)], Sample(4, 0, BROKEN, BROKEN, BROKEN)),
        ([answer(500)], Sample(0, 4, Run(False, 4), BROKEN, BROKEN)),
        ([answer(503, b"busy")], Sample(0, 4, Run(False, 4), Run(False, 4), BROKEN)),
        ([Close()], Sample(0, 4, NONE, NONE, Run(False, 4))),
        ([b"junk\r\n\r\n"], Sample(0, 4, NONE, NONE, Run(False, 4))),
    ],
)
async def test_each_attempt_is_told_once_by_how_it_ended(start, steps, told):
    assert await sample_after(start, steps * 4, 4) == told


async def test_a_refused_connection_is_told_once(start):
    balancer = await start(pool=ON | {"attempts": 1})
    await (await balancer.server()).stop_listening()
    client = await balancer.client()
    assert (await client.ask(GET)).status == 502
    assert traffic(balancer).take_samples("web") == {"s0": Sample(0, 1, NONE, NONE, Run(False, 1))}


async def test_a_silent_server_is_told(start):
    balancer = await start(pool=ON | {"attempts": 1})
    await balancer.answering(Wait(asyncio.Event()))
    client = await balancer.client()
    await client.send(GET)
    await eventually(lambda: balancer.pool.in_flight == 1 and balancer.live().connections == 1)
    balancer.advance(61)
    assert (await client.response()).status == 504
    assert traffic(balancer).take_samples("web")["s0"].local_origin_failure == Run(False, 1)


async def test_each_attempt_of_a_repeated_request_is_told_of_its_own_server(start):
    balancer = await start(pool=ON | {"retries": {"on": ["503"]}})
    await balancer.answering(answer(503))
    await balancer.answering(OK)
    client = await balancer.client()
    assert (await client.ask(GET)).status == 200
    told = traffic(balancer).take_samples("web")
    assert told == {
        "s0": Sample(0, 1, Run(False, 1), Run(False, 1), BROKEN),
        "s1": Sample(1, 0, BROKEN, BROKEN, BROKEN),
    }


async def test_the_same_bad_head_again_is_seen_again(start):
    balancer = await start(pool=ON)
    await balancer.answering(*[answer(500, b"oops")] * 5)
    client = await balancer.client()
    assert [(await client.ask(GET)).status for _ in range(5)] == [500] * 5
    assert traffic(balancer).take_samples("web")["s0"].http_5xx == Run(False, 5)


async def test_a_client_that_leaves_is_neither_a_success_nor_a_failure(start):
    balancer = await start(pool=ON)
    await balancer.answering(Wait(asyncio.Event()))
    client = await balancer.client()
    await client.send(GET)
    await eventually(lambda: balancer.live().connections == 1)
    client.reset()
    await eventually(lambda: balancer.live().statuses[4] == 1)
    assert traffic(balancer).take_samples("web") == {}


async def test_a_response_that_breaks_off_is_a_failure_alone(start):
    balancer = await start(pool=ON)
    await balancer.answering((b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", Close()))
    client = await balancer.client()
    await client.send(GET)
    await eventually(lambda: balancer.live().statuses[2] == 1)
    assert traffic(balancer).take_samples("web") == {"s0": Sample(0, 1, NONE, NONE, Run(False, 1))}


async def test_without_outlier_detection_nothing_is_looked_at(start):
    balancer = await start()
    await balancer.answering(*[answer(500)] * 3)
    client = await balancer.client()
    await client.ask(GET)
    assert balancer.live().outcomes is None
    assert balancer.live().memo.whole_bytes > 0  # the next one passes unseen
    assert traffic(balancer).take_samples("web") == {}


async def test_it_may_be_switched_on_and_off_under_traffic(start):
    balancer = await start()
    await balancer.answering(*[answer(500)] * 4)
    client = await balancer.client()
    await client.ask(GET)
    balancer.pool.configure(PoolSettings.model_validate(ON))
    await client.ask(GET)
    await client.ask(GET)
    assert traffic(balancer).has_failures("web")
    assert traffic(balancer).take_samples("web")["s0"].failed == 2
    assert not traffic(balancer).has_failures("web")
    balancer.pool.configure(PoolSettings())
    await client.ask(GET)
    assert balancer.live().outcomes is None
