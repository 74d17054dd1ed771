"""What many nodes let pass together: never more than the limit and its slack, and all of it on demand."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from cluster_lb.model.lease_queue import LeaseQueue
from cluster_lb.model.limited_keys import LimitedKeys
from cluster_lb.model.rate_limit import Denial, RateLimit
from cluster_lb.model.token_bucket import GAP_S, LATE_S, Lease, TokenBucket


class SharedBucket:
    """The bucket in Redis, as `lease_tokens` keeps it; one key."""

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._left = float(limit.burst)
        self._at = 0.0
        self.calls = 0

    def left(self, now: float) -> float:
        return min(self._limit.burst, self._left + (now - self._at) / self._limit.interval_s)

    def lease(self, lease: Lease, now: float) -> tuple[int, float]:
        left = min(self._limit.burst, self.left(now) - lease.spent + lease.returned)
        granted = max(0, min(lease.wanted, math.floor(left + 0.0005)))
        self._left, self._at = left - granted, now
        self.calls += 1
        return granted, self._left


@dataclass
class Cluster:
    """Nodes that serve one key, with a clock by hand; answers come when they are let."""

    limit: RateLimit
    nodes: int
    now: float = 0.0
    cut_off: bool = False
    passed: list[float] = field(default_factory=list)
    in_flight: list[tuple[TokenBucket, Lease, int, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.redis = SharedBucket(self.limit)
        self.queues = [LeaseQueue(lambda: None, lambda: self.cut_off) for _ in range(self.nodes)]
        self.keys = [LimitedKeys(self.limit, queue, lambda: self.now, self.nodes) for queue in self.queues]

    def request(self, node: int, count: int = 1) -> list[Denial | None]:
        answers = [self.keys[node].take("k") for _ in range(count)]
        self.passed += [self.now] * answers.count(None)
        return answers

    def ask(self) -> None:
        """Redis does what nodes want of it; they do not know yet."""
        for queue in self.queues:
            for bucket in queue.next_batch():
                lease = bucket.request(self.now)
                self.in_flight.append((bucket, lease, *self.redis.lease(lease, self.now)))

    def answer(self) -> None:
        for bucket, lease, granted, left in self.in_flight:
            bucket.deliver(lease, granted, left, self.now)
        self.in_flight.clear()

    def settle(self) -> None:
        self.ask()
        self.answer()

    def pass_time(self, seconds: float) -> None:
        """With the timer that looks at every key a few times."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + max(0.25, seconds / 8))
            self.check()

    def check(self) -> None:
        for queue in self.queues:
            queue.check(self.now)

    def most_in(self, window_s: float) -> int:
        """The most requests that passed in any window of this length."""
        most = first = 0
        for last, at in enumerate(self.passed):
            while at - self.passed[first] > window_s:
                first += 1
            most = max(most, last - first + 1)
        return most


@st.composite
def limits(draw: st.DrawFn) -> RateLimit:
    requests, window_s = draw(st.integers(1, 200)), draw(st.integers(1, 60))
    least = math.ceil(0.2 * requests / window_s)
    return RateLimit("l", requests, window_s, draw(st.integers(least, least + 200)), "closed")


# Which node gets requests, how many, how long after the ones before, and how far the calls for them come.
traffic = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.integers(1, 60),
        st.sampled_from([0, 0.001, 0.05, 0.3, 2.0, 30.0]),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=60,
)


class TestTheBound:
    @settings(max_examples=100)
    @given(limits(), st.integers(1, 6), traffic)
    def test_no_window_has_more_than_the_limit_allows_and_the_slack(
        self, limit: RateLimit, nodes: int, events: list[tuple[int, int, float, int]]
    ) -> None:
        cluster = Cluster(limit, nodes)
        for node, count, pause, progress in events:
            cluster.pass_time(pause)
            cluster.request(node % nodes, count)
            if progress & 1:
                cluster.answer()
            if progress & 2:
                cluster.ask()
        for window_s in (0.0, 1.0, float(limit.window_s), 10.0 * limit.window_s):
            allowed = limit.burst + window_s / limit.interval_s + limit.slack(nodes)
            assert cluster.most_in(window_s) <= allowed + 1e-6

    @settings(max_examples=40)
    @given(limits(), st.integers(1, 4), st.integers(1, 3))
    @example(RateLimit("l", 27, 6, 3, "closed"), 1, 1)
    def test_demand_above_the_limit_gets_all_of_it_but_what_nodes_hold(
        self, limit: RateLimit, nodes: int, answered_every: int
    ) -> None:
        """Twice the rate, at least 50 a second, for two windows or 20 s, through all nodes; the bucket has
        room for what comes back between two calls."""
        assume(limit.burst >= 2 + 0.2 / limit.interval_s)
        cluster = Cluster(limit, nodes)
        step_s = min(0.02, limit.interval_s / 2 * nodes)
        end_s = min(2.0 * limit.window_s, 20.0)
        turns = 0
        while cluster.now < end_s:
            for node in range(nodes):
                cluster.request(node)
            turns += 1
            cluster.ask()
            if turns % answered_every == 0:
                cluster.answer()
            cluster.now += step_s
            if turns % 10 == 0:
                cluster.check()
        due = limit.burst + end_s / limit.interval_s
        asked = turns * nodes
        assert len(cluster.passed) >= min(asked, due - limit.slack(nodes)) - 1
        assert cluster.redis.calls <= nodes * (end_s * 12 + 10)


@pytest.fixture
def one() -> Cluster:
    """A lone node; 1 token a second, 40 at first: a credit of 10, as many held."""
    return Cluster(RateLimit("l", requests=60, window_s=60, burst=40), 1)


def bucket_of(cluster: Cluster) -> TokenBucket:
    """The key's bucket, which waits to be asked about."""
    [[bucket]] = [queue.next_batch() for queue in cluster.queues]
    return bucket


class TestCredit:
    def test_the_first_requests_of_a_key_pass_at_once_and_further_ones_wait_for_an_answer(
        self, one: Cluster
    ) -> None:
        assert one.request(0, 12) == [None] * 10 + [Denial(0.0)] * 2

    def test_the_next_call_charges_it(self, one: Cluster) -> None:
        one.request(0, 4)
        assert bucket_of(one).request(one.now).spent == 4

    def test_what_passes_while_the_call_is_under_way_is_charged_by_the_one_after(self, one: Cluster) -> None:
        one.request(0, 4)
        one.ask()
        one.request(0, 3)
        one.answer()
        one.pass_time(0.25)
        assert bucket_of(one).request(one.now).spent == 3

    def test_no_request_passes_on_tokens_that_the_bucket_is_known_not_to_have(self, one: Cluster) -> None:
        one.request(0)
        bucket = bucket_of(one)
        bucket.deliver(bucket.request(0.0), 0, 1.5, 0.0)
        one.now = GAP_S
        assert one.request(0, 2) == [None, Denial(pytest.approx(1 - 0.6))]

    def test_a_denial_says_when_the_next_token_is_there(self, one: Cluster) -> None:
        one.request(0)
        bucket = bucket_of(one)
        bucket.deliver(bucket.request(0.0), 0, -2.25, 0.0)
        assert one.request(0) == [Denial(3.25)]
        one.now = 3.0
        assert one.request(0) == [Denial(0.25)]
        one.now = 3.25
        assert one.request(0) == [None]

    def test_over_the_limit_nobody_is_asked(self, one: Cluster) -> None:
        one.request(0)
        bucket = bucket_of(one)
        bucket.deliver(bucket.request(0.0), 0, 0.0, 0.0)
        one.request(0, 100)
        assert one.queues[0].next_batch() == []


class TestTokensThatAreHeld:
    def hold(self, cluster: Cluster, tokens: int) -> TokenBucket:
        cluster.request(0)
        bucket = bucket_of(cluster)
        bucket.deliver(replace(bucket.request(cluster.now), wanted=tokens), tokens, 30.0, cluster.now)
        return bucket

    def test_are_used_without_asking_until_half_of_them_are_left(self, one: Cluster) -> None:
        self.hold(one, 8)
        assert one.request(0, 4) == [None] * 4
        assert one.queues[0].next_batch() == []
        assert one.request(0) == [None]
        assert bucket_of(one).held == 3

    def test_are_as_many_as_last_for_half_a_second_and_grow_eightfold_a_step(self) -> None:
        cluster = Cluster(RateLimit("l", requests=10_000, window_s=1, burst=10_000), 1)
        wanted = []
        for _ in range(4):
            while not (batch := cluster.queues[0].next_batch()):
                cluster.request(0)
                cluster.now += 0.001
            [bucket] = batch
            lease = bucket.request(cluster.now)
            wanted.append(lease.wanted)
            bucket.deliver(lease, lease.wanted, 9000.0, cluster.now)
        assert wanted[0] == 0  # of a key that nobody asked for before
        assert wanted[1] <= 8
        assert 400 <= wanted[3] + bucket.held <= 1000

    def test_are_no_more_than_a_node_may_hold(self, one: Cluster) -> None:
        for _ in range(5):
            self.hold(one, 1)
            one.request(0, 100)
            one.now += 0.001
        assert one.keys[0].most_held == 10
        assert bucket_of(one).request(one.now).wanted == 10

    def test_go_back_when_nobody_uses_them(self, one: Cluster) -> None:
        bucket = self.hold(one, 8)
        one.request(0, 2)
        one.pass_time(0.5)
        assert one.queues[0].next_batch() == []
        one.pass_time(1.5)
        assert bucket_of(one).request(one.now) == Lease(spent=0, returned=6, wanted=0)
        assert bucket.held == 0

    def test_stay_when_a_request_came_in_the_last_moment(self, one: Cluster) -> None:
        bucket = self.hold(one, 8)
        one.pass_time(2.0)
        one.request(0)
        assert bucket_of(one).request(one.now).returned == 0
        assert bucket.held == 7


class TestWithoutRedis:
    def test_a_late_answer_counts_as_none_until_it_comes(self) -> None:
        cluster = Cluster(RateLimit("l", 60, 60, 40, "open"), 1)
        cluster.request(0, 10)
        cluster.ask()
        cluster.now = LATE_S
        assert cluster.request(0) == [Denial(0.0)]
        cluster.now = LATE_S + 0.001
        assert cluster.request(0, 100) == [None] * 100
        assert cluster.keys[0].cut_off == 100
        cluster.answer()
        assert cluster.request(0, 100).count(None) == 10

    def test_each_node_holds_its_share(self) -> None:
        cluster = Cluster(RateLimit("l", 60, 60, 40, "local"), 4)
        cluster.cut_off = True
        assert cluster.request(0, 12) == [None] * 10 + [Denial(pytest.approx(4.0))] * 2
        cluster.now = 4.0
        assert cluster.request(0, 2) == [None, Denial(pytest.approx(4.0))]
        assert cluster.request(1, 12).count(None) == 10

    def test_a_share_of_less_than_one_request_is_one(self) -> None:
        cluster = Cluster(RateLimit("l", 1, 60, 1, "local"), 10)
        cluster.cut_off = True
        assert cluster.request(0, 2) == [None, Denial(pytest.approx(600.0))]

    def test_tokens_that_are_held_are_good_even_where_nothing_else_passes(self) -> None:
        cluster = Cluster(RateLimit("l", 60, 60, 40, "closed"), 1)
        cluster.request(0)
        bucket = bucket_of(cluster)
        bucket.deliver(replace(bucket.request(0.0), wanted=2), 2, 30.0, 0.0)
        cluster.cut_off = True
        assert cluster.request(0, 3) == [None, None, Denial(1.0, cut_off=True)]

    def test_what_no_call_charged_is_charged_later(self, one: Cluster) -> None:
        one.request(0, 3)
        bucket = bucket_of(one)
        bucket.request(0.0)
        bucket.fail()
        one.pass_time(0.25)
        assert bucket_of(one).request(one.now).spent == 3
