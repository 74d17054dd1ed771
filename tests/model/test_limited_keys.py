"""The keys of a limit: as many as a node remembers, whatever clients send."""

from __future__ import annotations

import tracemalloc

import pytest

from cluster_lb.model import limited_keys
from cluster_lb.model.lease_queue import LeaseQueue
from cluster_lb.model.limited_keys import LimitedKeys
from cluster_lb.model.rate_limit import Denial, Quota, RateLimit

LIMIT = RateLimit("l", requests=60, window_s=60, burst=4)


def keys_of(queue: LeaseQueue | None = None, now: float = 100.0) -> LimitedKeys:
    return LimitedKeys(LIMIT, queue or LeaseQueue(lambda: None, lambda: False), lambda: now, 1)


def test_each_key_has_a_bucket_of_its_own() -> None:
    keys = keys_of()
    assert [keys.take("a") for _ in range(4)] == [None] * 4
    assert isinstance(keys.take("a"), Denial)
    assert keys.take("b") is None
    assert (keys.allowed, keys.denied, len(keys)) == (5, 1, 2)


def test_a_flood_of_keys_takes_no_more_memory_than_so_many_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    most = 4096
    monkeypatch.setattr(limited_keys, "MAX_KEYS", most)
    queue = LeaseQueue(lambda: None, lambda: False)
    keys = keys_of(queue)
    tracemalloc.start()
    try:
        for number in range(4 * most):
            keys.take(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
            if number % 256 == 255:
                settle(queue)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(keys) <= most
    assert used < 400 * most


def settle(queue: LeaseQueue) -> None:
    while batch := queue.next_batch():
        for bucket in batch:
            bucket.deliver(bucket.request(100.0), 0, 3.0, 100.0)


def test_a_key_in_use_is_remembered_through_a_flood() -> None:
    queue = LeaseQueue(lambda: None, lambda: False)
    keys = keys_of(queue)
    for _ in range(4):
        keys.take("a")
    for bucket in queue.next_batch():
        bucket.deliver(bucket.request(100.0), 0, 0.0, 100.0)
    for number in range(2 * limited_keys.MAX_KEYS):
        keys.take(str(number))
        if number % 256 == 0:
            settle(queue)
        if number % (limited_keys.MAX_KEYS // 4) == 0:
            assert keys.take("a") is not None


def test_a_key_that_is_not_used_while_many_others_are_is_forgotten() -> None:
    queue = LeaseQueue(lambda: None, lambda: False)
    keys = keys_of(queue)
    keys.take("a")
    for number in range(limited_keys.MAX_KEYS + 1):
        keys.take(str(number))
        settle(queue)
    assert keys.quota("a") == Quota(4, 0.0)


def test_the_quota_is_what_is_known_of_the_bucket_less_what_passed_since() -> None:
    keys = keys_of()
    assert keys.quota("a") == Quota(4, 0.0)
    keys.take("a")
    assert keys.quota("a") == Quota(3, 1.0)


def test_a_node_that_joins_makes_the_share_of_each_smaller() -> None:
    keys = keys_of()
    keys.resize(2)
    assert [keys.take("a") for _ in range(3)] == [None, None, Denial(0.0)]
