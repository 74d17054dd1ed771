"""How long servers take: this node's own measure, and the others' where that has faded."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cluster_lb.model.peak_ewma import freshness
from cluster_lb.proxy import failures
from cluster_lb.proxy.latencies import FORGOTTEN_S, Latencies


class Pool:
    """Servers, a clock, and exchanges that have ended."""

    def __init__(self, names: str = "ab") -> None:
        self.ticker = SimpleNamespace(now=1000.0)
        self.servers = {name: SimpleNamespace(id=name, pool=self, latency_s=0.0) for name in names}
        self.latencies = Latencies()

    def ended(self, server_id: str, elapsed_s: float, *, status: int = 200, failure=None, attempts: int = 1):
        exchange = SimpleNamespace(failure=failure, status=status, attempts=attempts)
        self.latencies.on_exchange(exchange, self.servers[server_id], elapsed_s)
        return self.servers[server_id].latency_s

    def hear(self, **others: int) -> tuple[float, float]:
        self.latencies.hear(others, self.servers, self.ticker.now)
        return self.servers["a"].latency_s, self.servers["b"].latency_s


@pytest.fixture
def pool() -> Pool:
    return Pool()


def test_a_slow_exchange_counts_at_once_and_quick_ones_bring_it_down_over_seconds(pool):
    assert pool.ended("a", 0.02) == 0.02
    assert pool.ended("a", 1.5) == 1.5
    assert pool.ended("a", 0.02) == 1.5
    pool.ticker.now += 10
    assert 0.5 < pool.ended("a", 0.02) < 0.6


@pytest.mark.parametrize("bad", [{"status": 503}, {"status": 502, "failure": failures.SERVER_CLOSED}])
def test_a_quick_failure_is_no_speed_and_a_slow_one_counts(pool, bad):
    assert pool.ended("a", 0.3) == 0.3
    pool.ticker.now += 20
    assert pool.ended("a", 0.001, **bad) == 0.3
    assert pool.ended("a", 2.0, **bad) == 2.0


def test_a_new_server_is_not_taken_for_quicker_than_most_by_its_first_answer():
    pool = Pool("abcd")
    for known, elapsed_s in (("a", 0.1), ("b", 0.3), ("c", 0.2)):
        assert pool.ended(known, elapsed_s) == elapsed_s  # most are new: there is nothing to go by
    assert pool.ended("d", 0.001, status=503) == 0.0
    assert pool.ended("d", 0.001) == 0.2
    pool.ticker.now += 10
    assert 0.07 < pool.ended("d", 0.001) < 0.08
    assert pool.ended("d", 0.5) == 0.5


def test_an_exchange_of_several_attempts_says_nothing_of_its_last_server(pool):
    assert pool.ended("a", 3.0, attempts=2) == 0.0


def test_others_count_where_this_node_knows_nothing(pool):
    assert pool.hear(b=250_000) == (0.0, 0.25)


def test_its_own_measure_goes_before_hearsay_and_gives_way_to_it_as_it_fades(pool):
    pool.ended("a", 0.1)
    assert pool.hear(a=900_000)[0] == pytest.approx(0.1)
    pool.ticker.now += 10
    fresh = freshness(10)
    assert pool.hear(a=900_000)[0] == pytest.approx(0.1 * fresh + 0.9 * (1 - fresh))
    assert pool.hear()[0] == pytest.approx(0.1 * fresh)


def test_what_is_told_fades_and_is_forgotten(pool):
    pool.ended("a", 0.1)
    assert pool.latencies.tell(pool.ticker.now) == {"a": 100_000}
    assert 36_000 < pool.latencies.tell(pool.ticker.now + 10)["a"] < 37_000
    assert pool.latencies.tell(pool.ticker.now + FORGOTTEN_S) == {}
