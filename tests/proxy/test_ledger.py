"""The accounts: each exchange once, slow and failed ones with a line of their own."""

from __future__ import annotations

import pytest

from cluster_lb.proxy import ledger
from tests.doubles.http_servers import OK

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def elapsed(monkeypatch):
    """Has exchanges last so long, in seconds, whatever they really took."""

    def set_elapsed(seconds: float) -> None:
        started: list[float] = []

        class Clock:
            @staticmethod
            def __call__() -> float:
                return started[-1] + seconds

        original = ledger.Ledger.settle

        def settle(self, exchange, server):
            started.append(exchange.started)
            original(self, exchange, server)

        monkeypatch.setattr(ledger, "monotonic", Clock())
        monkeypatch.setattr(ledger.Ledger, "settle", settle)

    return set_elapsed


@pytest.mark.parametrize(("seconds", "bucket"), [(0.0004, 0), (0.0006, 1), (0.3, 9), (29.0, 14), (31.0, 15)])
async def test_the_latency_histogram_counts_each_exchange_in_one_bucket(balancer, elapsed, seconds, bucket):
    elapsed(seconds)
    await balancer.answering(OK)
    await (await balancer.client()).ask(GET)
    await balancer.settled()
    counts = balancer.pool.latency.counts
    assert [number for number, count in enumerate(counts) if count] == [bucket]
    assert balancer.pool.latency.sum == pytest.approx(seconds)


async def test_a_slow_request_has_a_warning(balancer, elapsed, events):
    elapsed(0.75)
    await balancer.answering(OK)
    await (await balancer.client()).ask(GET)
    await balancer.settled()
    assert events == [
        {
            "event": "slow request",
            "log_level": "warning",
            "pool": "web",
            "server": "s0",
            "request": "GET /x HTTP/1.1",
            "status": 200,
            "attempts": 1,
            "ms": 750.0,
        }
    ]


async def test_a_request_just_quick_enough_has_none(balancer, elapsed, events):
    elapsed(0.499)
    await balancer.answering(OK)
    await (await balancer.client()).ask(GET)
    await balancer.settled()
    assert events == []


@pytest.mark.parametrize("status", [200, 301, 404, 500])
async def test_answers_are_counted_by_class(balancer, status):
    await balancer.answering(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)
    client = await balancer.client()
    for _ in range(3):
        assert (await client.ask(GET)).status == status
    assert balancer.live().statuses[status // 100] == 3
    assert sum(balancer.live().statuses) == 3
