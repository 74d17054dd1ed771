"""Rate limits over a real bucket: the script by what it leaves, nodes by what they let pass."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import structlog

from cluster_lb.model.limited_keys import LimitedKeys
from cluster_lb.model.rate_limit import Denial, RateLimit
from cluster_lb.store.client import Store
from cluster_lb.store.rate_limits import SharedLimits
from cluster_lb.store.scripts import load
from tests.doubles.keyspace import key_names, now_ms
from tests.doubles.redis_servers import RedisServer, redis_cluster
from tests.doubles.waiting import eventually

KEY = "lb:rate:l:k"
MINUTE = RateLimit("l", requests=60, window_s=60, burst=10)


async def lease(
    store: Store,
    spent: int = 0,
    returned: int = 0,
    wanted: int = 0,
    *,
    interval_ms: float = 1000,
    burst: int = 10,
    credit: int = 4,
) -> tuple[int, float]:
    """Run the script: tokens granted, tokens left."""
    granted, left = await store.run(
        load("lease_tokens"), [KEY], [interval_ms, burst, credit, spent, returned, wanted]
    )
    return granted, left / 1000


def about(left: float) -> object:
    """Time passes between a test's calls: up to a token comes back."""
    return pytest.approx(left + 0.45, abs=0.46)


class TestTheScript:
    async def test_a_full_bucket_is_an_absent_key(self, store: Store) -> None:
        assert await lease(store) == (0, 10)
        assert await key_names(store) == set()

    async def test_grants_what_is_wanted_as_far_as_there_is_any(self, store: Store) -> None:
        assert await lease(store, wanted=3) == (3, 7)
        granted, left = await lease(store, wanted=30)
        assert (granted, left) == (7, about(0))
        assert (await lease(store, wanted=1))[0] == 0

    async def test_leaves_when_the_bucket_is_full_again_and_a_lifetime_until_then(self, store: Store) -> None:
        before = await now_ms(store)
        await lease(store, wanted=4)
        full_at = float(await store.call("GET", KEY))
        assert before + 4000 <= full_at <= await now_ms(store) + 4000
        assert 3000 < await store.call("PTTL", KEY) <= 4000

    async def test_a_key_is_gone_when_its_bucket_is_full(self, store: Store) -> None:
        await lease(store, wanted=2, interval_ms=10)
        await eventually(lambda: key_names_are_gone(store))
        assert await lease(store, interval_ms=10) == (0, 10)

    async def test_charges_what_was_used_on_credit_whatever_there_is(self, store: Store) -> None:
        assert await lease(store, spent=12, wanted=5) == (0, -2)
        granted, left = await lease(store, spent=1, wanted=5)
        assert (granted, left) == (0, about(-3))

    async def test_takes_back_what_was_not_used_but_no_more_than_fits(self, store: Store) -> None:
        await lease(store, wanted=10)
        assert (await lease(store, returned=6))[1] == about(6)
        assert await lease(store, returned=50) == (0, 10)
        assert await key_names(store) == set()

    async def test_tokens_come_back_at_an_even_pace(self, store: Store) -> None:
        await lease(store, wanted=10, interval_ms=0.5)  # 2000 a second
        await store.call("SET", KEY, await now_ms(store) + 3)
        _, left = await lease(store, interval_ms=0.5)
        assert 4 <= left <= 10

    @pytest.mark.parametrize("foreign", ["garbage", "nan", "inf"])
    async def test_what_is_no_time_is_a_full_bucket_or_an_empty_one(self, store: Store, foreign: str) -> None:
        await store.call("SET", KEY, foreign)
        assert (await lease(store, wanted=1))[0] in (0, 1)
        assert float(await store.call("GET", KEY)) <= await now_ms(store) + 14_000

    async def test_a_key_of_another_type_is_replaced(self, store: Store) -> None:
        await store.call("SADD", KEY, "garbage")
        assert await lease(store, wanted=1) == (1, 9)

    async def test_a_clock_that_went_back_shuts_nobody_out_for_long(self, store: Store) -> None:
        await store.call("SET", KEY, await now_ms(store) + 86_400_000)
        assert (await lease(store))[1] == about(-4)

    async def test_many_callers_get_no_token_twice(self, real_store: Store) -> None:
        calls = (lease(real_store, wanted=size, interval_ms=86_400_000, burst=1000) for size in range(1, 101))
        replies = await asyncio.gather(*calls)
        assert sum(granted for granted, _ in replies) == 1000


async def key_names_are_gone(store: Store) -> bool:
    return not await key_names(store)


class TestRunningAScriptForManyKeys:
    async def test_each_call_gets_its_own_answer(self, store: Store) -> None:
        await store.call("SCRIPT", "FLUSH")
        calls = [(f"lb:rate:l:{number}", [1000, 10, 1, 0, 0, number]) for number in range(5)]
        for left in (10, 10 - 4):
            replies = await store.run_each(load("lease_tokens"), calls)
            assert [granted for granted, _ in replies] == [0, 1, 2, 3, 4]
            assert replies[4][1] / 1000 == about(left - 4)

    async def test_a_cluster_has_keys_in_many_slots(self, tmp_path: Path) -> None:
        with redis_cluster(tmp_path) as nodes:
            url = "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)
            async with Store.from_url(url, command_timeout_s=5.0) as store:
                calls = [(f"lb:rate:l:{number}", [1000, 10, 1, 0, 0, 2]) for number in range(50)]
                replies = await store.run_each(load("lease_tokens"), calls)
        assert [granted for granted, _ in replies] == [2] * 50


@asynccontextmanager
async def node(url: str, limit: RateLimit, members: int = 1) -> AsyncIterator[LimitedKeys]:
    """A node's share of `limit`, refilled, with a timer."""
    async with Store.from_url(url, command_timeout_s=0.5) as store:
        limits = SharedLimits(store)
        limits.resize(members)

        async def tick() -> None:
            while True:
                await asyncio.sleep(0.05)
                limits.check(asyncio.get_running_loop().time())

        running = [asyncio.ensure_future(limits.run()), asyncio.ensure_future(tick())]
        try:
            await store.wait_up()
            yield limits.ensure(limit)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


def passed(answers: list[Denial | None]) -> int:
    return answers.count(None)


class TestNodes:
    async def test_together_let_no_more_pass_than_the_limit_and_the_slack_and_no_less(
        self, real_store: Store, shared_server: RedisServer
    ) -> None:
        limit = RateLimit("l", requests=60, window_s=3600, burst=60)
        nodes = 3
        count = 0
        async with AsyncExitStack() as stack:
            cluster = [
                await stack.enter_async_context(node(shared_server.url, limit, nodes)) for _ in range(nodes)
            ]
            for _ in range(100):
                for keys in cluster:
                    count += passed([keys.take("k") for _ in range(2)])
                await asyncio.sleep(0.002)
        assert 60 <= count <= 60 + limit.slack(nodes) + 1

    async def test_under_load_few_calls_serve_many_requests(
        self, real_store: Store, shared_server: RedisServer
    ) -> None:
        limit = RateLimit("l", requests=20_000, window_s=1, burst=20_000)
        async with node(shared_server.url, limit) as keys:
            for _ in range(500):
                assert passed([keys.take("k") for _ in range(20)]) == 20
                await asyncio.sleep(0.001)
            assert keys.leases < 30
            assert keys.allowed == 10_000

    async def test_what_a_node_does_not_use_goes_back(
        self, real_store: Store, shared_server: RedisServer
    ) -> None:
        limit = RateLimit("l", requests=1000, window_s=86_400, burst=1000)
        async with node(shared_server.url, limit) as keys:
            for _ in range(40):
                keys.take("k")
                await asyncio.sleep(0.002)
            assert keys.tokens > 0
            await eventually(lambda: charged(real_store, limit, 40))

    async def test_every_request_is_charged_though_none_follows_it(
        self, real_store: Store, shared_server: RedisServer
    ) -> None:
        async with node(shared_server.url, MINUTE, members=2) as keys:
            assert passed([keys.take("k") for _ in range(3)]) == 3
            await eventually(lambda: charged(real_store, MINUTE, 3))

    async def test_keys_that_come_together_go_together(
        self, real_store: Store, shared_server: RedisServer
    ) -> None:
        async with node(shared_server.url, MINUTE) as keys:
            assert passed([keys.take(f"k{number}") for number in range(1000)]) == 1000
            await eventually(lambda: keys.leases == 1000)
        assert len(await key_names(real_store)) == 1000


async def charged(store: Store, limit: RateLimit, tokens: int) -> bool:
    """Whether so many tokens are out of the bucket of key `k`, to within one."""
    full_at = await store.call("GET", KEY)
    left_ms = float(full_at or 0) - await now_ms(store)
    return abs(left_ms / limit.interval_s / 1000 - tokens) < 1


class TestWithoutRedis:
    @pytest.mark.parametrize(
        ("mode", "least", "most"), [("open", 1000, 1000), ("closed", 0, 0), ("local", 5, 6)]
    )
    async def test_the_setting_decides_and_the_log_says_so_once(
        self, own_server: RedisServer, mode: str, least: int, most: int
    ) -> None:
        limit = RateLimit("l", requests=60, window_s=3600, burst=10, on_redis_loss=mode)  # type: ignore[arg-type]
        with structlog.testing.capture_logs() as events:
            async with node(own_server.url, limit, members=2) as keys:
                keys.take("k")
                await eventually(lambda: keys.leases == 1)
                own_server.freeze()
                keys.take("other")
                await eventually(lambda: [event for event in events if event.get("on_redis_loss")])
                answers = [keys.take("new") for _ in range(1000)]
                assert least <= passed(answers) <= most
                assert keys.cut_off >= 1000
                assert all(answer.cut_off == (mode == "closed") for answer in answers if answer)
                own_server.thaw()
                await eventually(lambda: keys.take("later") is None and keys.leases > 1)
        told = [event["on_redis_loss"] for event in events if event.get("on_redis_loss")]
        assert told == [{"l": mode}]

    async def test_what_passed_on_credit_before_the_outage_is_charged_after_it(
        self, own_server: RedisServer
    ) -> None:
        limit = RateLimit("l", requests=60, window_s=3600, burst=10)
        async with Store.from_url(own_server.url) as store, node(own_server.url, limit) as keys:
            own_server.freeze()
            assert passed([keys.take("k") for _ in range(2)]) == 2
            await eventually(lambda: keys.queue.is_cut_off())
            own_server.thaw()
            await eventually(lambda: keys.leases == 1)
            await store.wait_up()
            assert await charged(store, limit, 2)

    async def test_a_refusal_of_redis_is_an_outage_until_it_ends(self, own_server: RedisServer) -> None:
        limit = RateLimit("l", requests=60, window_s=3600, burst=10, on_redis_loss="closed")
        async with Store.from_url(own_server.url) as store, node(own_server.url, limit) as keys:
            await store.call("CONFIG", "SET", "maxmemory", "1")
            keys.take("k")
            await eventually(lambda: keys.queue.is_cut_off())
            assert keys.take("new") == Denial(1.0, cut_off=True)
            await store.call("CONFIG", "SET", "maxmemory", "0")
            await eventually(lambda: keys.take("later") is None)


async def test_a_limit_that_changes_begins_anew_and_one_that_goes_is_forgotten(fake_store: Store) -> None:
    limits = SharedLimits(fake_store)
    first = limits.ensure(MINUTE)
    assert limits.ensure(MINUTE) is first
    changed = RateLimit("l", requests=6, window_s=60, burst=10)
    assert limits.ensure(changed) is not first
    assert limits.by_name["l"].limit == changed
    limits.retain({"other"})
    assert limits.by_name == {}
