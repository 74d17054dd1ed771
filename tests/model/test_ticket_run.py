"""Tickets of one node: exact while shared ones are at hand, and made up for when they were not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster_lb.model.ticket_run import BlockRequest, TicketRun
from cluster_lb.picking.schedule import build_schedule


class Redis:
    """The shared counter, as the script `take_tickets` keeps it."""

    def __init__(self, epoch: int = 1) -> None:
        self.epoch = epoch
        self.next = 0

    def take(self, request: BlockRequest) -> tuple[int, int]:
        """(first, count); count 0 where the script gives none."""
        assert request.epoch == self.epoch
        assert request.count >= 1
        continues = request.continues_at in (-1, self.next)
        count = request.count if continues else request.apart
        first = self.next
        self.next += count
        return first, count


class Node:
    """A node with its refill: `ask` sends the request when woken, `answer` brings the block."""

    def __init__(self, redis: Redis, period: int) -> None:
        self.redis = redis
        self.woken = 0
        self.sent: BlockRequest | None = None
        self.run = TicketRun(self._wake, start=1000)
        self.run.adopt(redis.epoch, period)

    def _wake(self) -> None:
        self.woken += 1

    def ask(self, now: float) -> None:
        if self.woken and self.sent is None:
            self.woken = 0
            self.sent = self.run.request(now)

    def answer(self) -> None:
        if self.sent is not None:
            request, self.sent = self.sent, None
            if request.epoch == self.redis.epoch:
                self.run.deliver(request, *self.redis.take(request))

    def refill(self, now: float = 0.0) -> None:
        while self.woken or self.sent:
            self.ask(now)
            self.answer()

    def drain(self) -> list[int]:
        """Take what is at hand, without asking for more."""
        return [self.run.take() for _ in range(self.run.at_hand)]


def worst_deviation(turns: Counter[int], weights: Sequence[int]) -> float:
    """How far the server that is furthest from its share is."""
    total = turns.total()
    return max(abs(turns[i] - total * weight / sum(weights)) for i, weight in enumerate(weights))


weights_lists = st.lists(st.integers(0, 9), min_size=1, max_size=6).filter(any)
# Which node gets the next requests, how many, how much later, and whether its answer is there after them.
traffic = st.lists(
    st.tuples(st.integers(0, 9), st.integers(1, 40), st.floats(0, 0.2), st.booleans()),
    min_size=1,
    max_size=40,
)


class TestTheBound:
    @settings(max_examples=150, deadline=None)
    @given(weights_lists, weights_lists, st.integers(1, 5), traffic, traffic)
    def test_every_server_stays_within_2n_of_its_share_however_traffic_is_split(
        self,
        weights: list[int],
        later_weights: list[int],
        nodes: int,
        early: list[tuple[int, int, float, bool]],
        late: list[tuple[int, int, float, bool]],
    ) -> None:
        """Answers come late, but before a node runs dry. Between `early` and `late` the members change."""
        redis = Redis()
        schedule = build_schedule(weights)
        cluster = [Node(redis, len(schedule)) for _ in range(nodes)]
        now = 0.0
        for epoch, present, events in ((1, weights, early), (2, later_weights, late)):
            schedule = build_schedule(present)
            redis.epoch = epoch
            for node in cluster:
                node.run.adopt(epoch, len(schedule))
                node.sent = None
                node.refill(now)
            turns: Counter[int] = Counter()
            for number, requests, pause, prompt in events:
                node = cluster[number % nodes]
                now += pause
                for _ in range(requests):
                    turns[schedule[node.run.take() % len(schedule)]] += 1
                    assert worst_deviation(turns, present) < 2 * nodes
                    node.ask(now)
                    if prompt or node.run.at_hand == 0:
                        node.refill(now)
        assert all(node.run.local_used == 0 for node in cluster)

    @settings(max_examples=150, deadline=None)
    @given(weights_lists, st.integers(1, 4), traffic)
    def test_local_tickets_are_made_up_for_to_the_last_one(
        self, weights: list[int], nodes: int, events: list[tuple[int, int, float, bool]]
    ) -> None:
        """Answers come whenever they like. Once what is at hand is used, all that was handed out is one
        contiguous run of the schedule, but for the turns that are still owed."""
        redis = Redis()
        schedule = build_schedule(weights)
        period = len(schedule)
        cluster = [Node(redis, period) for _ in range(nodes)]
        turns: Counter[int] = Counter()
        now = 0.0
        for number, requests, pause, prompt in events:
            node = cluster[number % nodes]
            now += pause
            node.ask(now)
            for _ in range(requests):
                turns[schedule[node.run.take() % period]] += 1
            if prompt:
                node.answer()
        for node in cluster:
            node.answer()
            node.woken = 0
            for ticket in node.drain():
                turns[schedule[ticket % period]] += 1
            for turn, count in node.run.owed.items():
                turns[schedule[turn]] -= count
        assert turns.total() % period == redis.next % period
        assert worst_deviation(turns, weights) < 1


class TestALoneNode:
    def test_walks_the_schedule_without_a_gap_in_a_burst(self) -> None:
        node = Node(Redis(), period=7)
        node.refill()
        tickets = [node.run.take() for _ in range(20)]  # one at hand, then local ones
        node.refill()
        tickets += node.drain()
        assert [ticket % 7 for ticket in tickets] == [number % 7 for number in range(len(tickets))]
        assert len(tickets) > 20

    @pytest.mark.parametrize("outage", [1, 7, 8, 1000])
    def test_returns_to_shared_tickets_where_the_outage_left_off(self, outage: int) -> None:
        node = Node(Redis(), period=7)
        node.refill()
        node.drain()
        local = [node.run.take() for _ in range(outage)]
        node.refill(1.0)
        after = node.run.take()
        assert after % 7 == (local[-1] + 1) % 7
        assert node.run.local_used == outage

    def test_holds_one_ticket_when_idle_so_that_single_requests_walk_the_servers_through_all_nodes(
        self,
    ) -> None:
        redis = Redis()
        cluster = [Node(redis, 5) for _ in range(3)]
        for node in cluster:
            node.refill()
        tickets = []
        for second in range(1, 11):
            for node in cluster:
                tickets.append(node.run.take())
                node.refill(float(second))
        assert tickets == list(range(30))


class TestBlocks:
    @pytest.fixture
    def node(self) -> Node:
        node = Node(Redis(), period=4)
        node.refill()
        return node

    def feed(self, node: Node, now: float, requests: int) -> None:
        for _ in range(requests):
            node.run.take()
            node.refill(now)

    def test_last_about_a_tenth_of_a_second_under_load(self, node: Node) -> None:
        for tick in range(3000):  # 10,000 requests a second for 3 s
            self.feed(node, tick / 1000, 10)
        before = node.run.blocks
        for tick in range(3000, 4000):
            self.feed(node, tick / 1000, 10)
        assert 8 <= node.run.blocks - before <= 12
        assert node.run.local_used == 0

    def test_grow_eightfold_a_step_at_most(self, node: Node) -> None:
        sizes = [1]
        for _ in range(4):
            while not node.woken:
                node.run.take()
            node.ask(0.001)
            assert node.sent is not None
            sizes.append(node.sent.count)
            node.answer()
        assert sizes == [1, 8, 64, 512, 4096]

    def test_shrink_to_one_when_traffic_ends(self, node: Node) -> None:
        for tick in range(100):
            self.feed(node, tick / 1000, 10)
        node.drain()
        node.run.take()
        node.refill(60.0)
        node.drain()
        node.run.take()
        node.ask(120.0)
        assert node.sent is not None
        assert node.sent.count <= 3

    def test_grow_from_the_local_tickets_of_a_burst(self, node: Node) -> None:
        for _ in range(101):
            node.run.take()
        node.ask(60.0)
        assert node.sent is not None
        assert node.sent.count >= 100

    def test_ahead_of_need_are_whole_periods_unless_they_continue_the_present_one(self, node: Node) -> None:
        for tick in range(200):
            self.feed(node, tick / 1000, 10)
        while not node.woken:
            node.run.take()
        node.ask(0.2)
        assert node.sent is not None
        assert node.run.at_hand > 0
        assert node.sent.continues_at == node.redis.next
        assert node.sent.apart % 4 == 0
        assert node.sent.apart >= node.sent.count

    def test_ahead_of_need_are_none_when_a_period_would_last_for_long(self) -> None:
        node = Node(Redis(), period=10_000)
        node.refill()
        for tick in range(200):
            self.feed(node, tick / 10, 10)  # 100 requests a second
        while not node.woken:
            node.run.take()
        node.ask(20.0)
        assert node.sent is not None
        assert node.sent.apart == 0

    def test_that_did_not_come_are_asked_for_again_when_nothing_is_at_hand(self, node: Node) -> None:
        for tick in range(200):
            self.feed(node, tick / 1000, 10)
        while not node.woken:
            node.run.take()
        node.ask(0.2)
        assert node.sent is not None
        node.run.deliver(node.sent, 0, 0)
        while node.run.at_hand > 1:
            node.run.take()
            assert not node.woken
        node.run.take()
        assert node.woken


class TestWaking:
    def test_wakes_once_until_the_answer_is_there(self) -> None:
        node = Node(Redis(), period=4)
        assert node.woken == 1
        for _ in range(10):
            node.run.take()
        assert node.woken == 1

    def test_asks_for_nothing_before_the_first_epoch_or_without_servers(self) -> None:
        woken: list[int] = []
        run = TicketRun(lambda: woken.append(1))
        run.take()
        run.adopt(1, 0)
        run.take()
        assert woken == []
        run.adopt(2, 3)
        assert woken == [1]


class TestEpochs:
    def test_a_new_epoch_voids_what_is_held_and_owed(self) -> None:
        node = Node(Redis(), period=5)
        node.refill()
        for _ in range(8):
            node.run.take()
        node.ask(1.0)
        node.answer()
        assert node.run.at_hand > 0
        node.drain()
        for _ in range(3):
            node.run.take()
        node.answer()
        node.run.take()
        assert node.run.owed
        node.redis.epoch = 2
        node.run.adopt(2, 3)
        assert (node.run.at_hand, node.run.owed) == (0, {})

    def test_the_same_epoch_again_keeps_what_is_held(self) -> None:
        node = Node(Redis(), period=5)
        node.refill()
        node.run.adopt(1, 5)
        assert node.run.at_hand == 1
        assert node.woken == 0

    def test_a_block_that_was_asked_for_in_another_epoch_is_void(self) -> None:
        node = Node(Redis(), period=5)
        node.ask(0.0)
        assert node.sent is not None
        node.run.adopt(2, 5)
        node.run.deliver(node.sent, 0, 50)
        assert node.run.at_hand == 0
        assert node.woken == 1

    def test_counts_survive_epochs(self) -> None:
        redis = Redis()
        node = Node(redis, period=5)
        node.refill()
        for _ in range(4):
            node.run.take()
        redis.epoch = 2
        node.run.adopt(2, 5)
        assert (node.run.shared_used, node.run.local_used, node.run.blocks) == (1, 3, 1)


def test_nodes_that_never_reached_redis_begin_where_they_are_told() -> None:
    assert [TicketRun(lambda: None, start=17).take() for _ in range(1)] == [17]
