"""Keys wait in turn, in batches, and not without end."""

from __future__ import annotations

import pytest

from cluster_lb.model import lease_queue
from cluster_lb.model.lease_queue import LeaseQueue
from cluster_lb.model.limited_keys import LimitedKeys
from cluster_lb.model.rate_limit import RateLimit

LIMIT = RateLimit("l", requests=60, window_s=60, burst=10)


@pytest.fixture
def woken() -> list[int]:
    return []


@pytest.fixture
def queue(woken: list[int]) -> LeaseQueue:
    return LeaseQueue(lambda: woken.append(1), lambda: False)


def test_keys_are_asked_about_in_the_order_in_which_they_came(queue: LeaseQueue, woken: list[int]) -> None:
    keys = LimitedKeys(LIMIT, queue, lambda: 0.0, 1)
    for name in ("a", "b", "a", "c"):
        keys.take(name)
    assert len(woken) == 3
    assert [bucket.key for bucket in queue.next_batch()] == ["a", "b", "c"]
    assert queue.next_batch() == []


def test_a_batch_takes_no_more_than_redis_does_in_a_few_milliseconds(queue: LeaseQueue) -> None:
    keys = LimitedKeys(LIMIT, queue, lambda: 0.0, 1)
    for number in range(lease_queue.MAX_BATCH + 5):
        keys.take(str(number))
    assert [len(queue.next_batch()) for _ in range(3)] == [lease_queue.MAX_BATCH, 5, 0]


def test_beyond_the_longest_queue_keys_are_decided_as_without_redis(queue: LeaseQueue) -> None:
    keys = LimitedKeys(LIMIT, queue, lambda: 0.0, 1)
    for number in range(lease_queue.MAX_WAITING + 100):
        keys.take(str(number))
    assert (keys.allowed, keys.cut_off) == (lease_queue.MAX_WAITING + 100, 100)
    keys.take("0")
    assert keys.cut_off == 100


def test_the_timer_looks_at_a_key_until_it_is_settled(queue: LeaseQueue, woken: list[int]) -> None:
    keys = LimitedKeys(LIMIT, queue, lambda: 0.0, 1)
    keys.take("a")
    [bucket] = queue.next_batch()
    lease = bucket.request(0.0)
    keys.take("a")
    bucket.deliver(lease, 0, 8.0, 0.0)  # the second is still to be charged
    queue.check(0.25)
    [again] = queue.next_batch()
    assert again.request(0.25).spent == 1
    bucket.deliver(lease, 0, 8.0, 0.25)
    woken.clear()
    queue.check(0.5)
    queue.check(60.0)
    assert woken == []
