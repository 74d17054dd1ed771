"""Votes and what follows from them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from cluster_lb.model.availability import Health
from cluster_lb.model.verdict import Vote
from cluster_lb.settings.health import HealthSettings
from cluster_lb.store.client import Store
from cluster_lb.store.registry import Registry
from cluster_lb.store.verdicts import Verdicts
from tests.doubles.keyspace import epoch_of, hash_at, hearing, key_names, now_ms, record

UP = Vote(Health.UP, "L7OK 200")
DOWN = Vote(Health.DOWN, "L4CON connection refused")


@pytest.fixture
async def verdicts(store: Store) -> Verdicts:
    """Two servers are registered: a and b, at epoch 2."""
    for server in ("a", "b"):
        await Registry(store).register("web", record(server))
    return Verdicts(store)


async def health_of(store: Store, server: str = "a") -> str | None:
    text = await store.call("HGET", "lb:{web}:verdicts", server)
    return json.loads(text)["health"] if text else None


async def test_the_first_vote_makes_a_verdict_with_all_that_one_wants_to_know(
    store: Store, verdicts: Verdicts
) -> None:
    async with hearing(store) as heard:
        assert await verdicts.cast("web", "n1", {"a": DOWN}, 5000) == ["a"]
        hint = {"pool": "web", "epoch": 3, "what": "verdict", "server": "a", "takes": "refuses"}
        assert await heard.all() == [hint]
    verdict = json.loads((await hash_at(store, "lb:{web}:verdicts"))["a"])
    assert not verdict.pop("flips_ms")
    assert verdict.pop("at_ms") == pytest.approx(await now_ms(store), abs=5000)
    assert verdict == {
        "health": "DOWN",
        "reason": DOWN.reason,
        "authors": ["n1"],
        "epoch": 3,
        "holds": 0,
    }
    assert await verdicts.votes("web") == {"a": {"n1": DOWN}}
    assert (await verdicts.votes("web"))["a"]["n1"].at_ms == pytest.approx(await now_ms(store), abs=5000)
    assert 14_000 < await store.call("PTTL", "lb:{web}:votes:a") <= 15_000
    assert float(await store.call("ZSCORE", "lb:{web}:nodes", "n1")) > await now_ms(store) + 4000


async def test_a_vote_that_changes_nothing_raises_no_epoch(store: Store, verdicts: Verdicts) -> None:
    await verdicts.cast("web", "n1", {"a": UP, "b": UP})
    async with hearing(store) as heard:
        assert await verdicts.cast("web", "n1", {"a": UP, "b": UP}) == []
        assert await verdicts.cast("web", "n2", {"a": UP}) == []
        assert await heard.all() == []


async def test_the_majority_decides_and_a_tie_keeps_what_is(store: Store, verdicts: Verdicts) -> None:
    await verdicts.cast("web", "n1", {"a": UP})
    await verdicts.cast("web", "n2", {"a": DOWN})
    assert await health_of(store) == "UP"  # 1 : 1
    assert await verdicts.cast("web", "n3", {"a": DOWN}) == ["a"]
    verdict = json.loads((await hash_at(store, "lb:{web}:verdicts"))["a"])
    assert (verdict["health"], verdict["authors"]) == ("DOWN", ["n2", "n3"])
    assert await verdicts.cast("web", "n2", {"a": UP}) == ["a"]


async def test_a_tie_from_the_start_leaves_the_server_new(store: Store, verdicts: Verdicts) -> None:
    await store.call(
        "HSET", "lb:{web}:votes:a", "n2", json.dumps({"health": "UP", "at_ms": await now_ms(store)})
    )
    await store.call("ZADD", "lb:{web}:nodes", await now_ms(store) + 5000, "n2")
    assert await verdicts.cast("web", "n1", {"a": DOWN}) == []
    assert await health_of(store) is None


async def test_votes_of_dead_nodes_count_no_more(store: Store, verdicts: Verdicts) -> None:
    await verdicts.cast("web", "n1", {"a": UP})
    await verdicts.cast("web", "n2", {"a": UP})
    assert await verdicts.cast("web", "n3", {"a": DOWN}) == []
    await store.call("ZADD", "lb:{web}:nodes", await now_ms(store) - 1, "n1", await now_ms(store) - 1, "n2")
    assert await verdicts.cast("web", "n3", {"a": DOWN}) == ["a"]
    assert list((await verdicts.votes("web"))["a"]) == ["n3"]
    assert (await hash_at(store, "lb:{web}:votes:a")).keys() == {"n3"}


async def test_votes_that_their_node_refreshes_no_more_lapse_after_three_leases(
    store: Store, verdicts: Verdicts
) -> None:
    await verdicts.cast("web", "n1", {"a": UP})
    old = json.dumps({"health": "UP", "reason": "", "at_ms": await now_ms(store) - 15_001})
    await store.call("HSET", "lb:{web}:votes:a", "n1", old)
    assert await verdicts.cast("web", "n2", {"a": DOWN}) == ["a"]


async def test_votes_on_unknown_servers_are_ignored(store: Store, verdicts: Verdicts) -> None:
    assert await verdicts.cast("web", "n1", {"nobody": DOWN, "b": DOWN}) == ["b"]
    assert "{web}:votes:nobody" not in await key_names(store)
    assert await health_of(store, "nobody") is None


async def test_foreign_votes_and_verdicts_give_way(store: Store, verdicts: Verdicts) -> None:
    await store.call("HSET", "lb:{web}:votes:a", "x", "garbage", "y", "[1]")
    await store.call("HSET", "lb:{web}:verdicts", "a", "garbage")
    await store.call("ZADD", "lb:{web}:nodes", await now_ms(store) + 5000, "x")
    assert await verdicts.votes("web") == {"a": {}}
    assert await verdicts.cast("web", "n1", {"a": UP}) == ["a"]
    await store.call("SET", "lb:{web}:votes:b", "garbage")
    assert await verdicts.cast("web", "n1", {"b": UP}) == ["b"]


async def test_no_votes_ask_redis_nothing(store: Store, verdicts: Verdicts) -> None:
    before = store.counters.commands
    assert await verdicts.cast("web", "n1", {}) == []
    assert store.counters.commands == before


async def test_votes_of_nodes_whose_lease_ended_are_not_shown(store: Store, verdicts: Verdicts) -> None:
    await verdicts.cast("web", "n1", {"a": UP, "b": DOWN})
    await verdicts.cast("web", "n2", {"a": UP})
    await store.call("ZADD", "lb:{web}:nodes", await now_ms(store) - 1, "n2")
    assert await verdicts.votes("web") == {"a": {"n1": UP}, "b": {"n1": DOWN}}


async def verdict_of(store: Store, server: str = "a") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await store.call("HGET", "lb:{web}:verdicts", server))
    return found


async def change_verdict(store: Store, **fields: Any) -> None:
    await store.call("HSET", "lb:{web}:verdicts", "a", json.dumps(await verdict_of(store) | fields))


class TestFlapDamping:
    DAMPING = HealthSettings(flap_limit=3, flap_window_s=60.0, flap_hold_s=10.0, flap_max_hold_s=25.0)

    async def cast(self, verdicts: Verdicts, *votes: Vote) -> list[list[str]]:
        return [await verdicts.cast("web", "n1", {"a": vote}, settings=self.DAMPING) for vote in votes]

    async def restless(self, verdicts: Verdicts) -> None:
        """NEW, then UP; three flips later it is DOWN, and one more makes it too many."""
        await self.cast(verdicts, UP, DOWN, UP, DOWN)

    async def test_a_server_that_flips_too_often_waits_before_it_is_up_again(
        self, store: Store, verdicts: Verdicts
    ) -> None:
        await self.restless(verdicts)
        assert await self.cast(verdicts, UP, DOWN) == [["a"], ["a"]]
        async with hearing(store) as heard:
            assert await self.cast(verdicts, UP, UP) == [[], []]
            assert await heard.all() == []
        verdict = await verdict_of(store)
        assert (verdict["health"], verdict["reason"]) == ("DOWN", "held down: 5 flips in 60 s")
        assert 9_000 < verdict["held_until_ms"] - await now_ms(store) <= 10_000
        assert (await verdicts.votes("web"))["a"]["n1"] == UP

    async def test_when_the_wait_is_over_the_next_vote_brings_it_up(
        self, store: Store, verdicts: Verdicts
    ) -> None:
        await self.restless(verdicts)
        await self.cast(verdicts, UP, DOWN, UP)
        await change_verdict(store, held_until_ms=await now_ms(store) - 1)
        assert await self.cast(verdicts, UP) == [["a"]]
        assert "held_until_ms" not in await verdict_of(store)

    async def test_each_further_wait_is_twice_as_long_up_to_the_cap(
        self, store: Store, verdicts: Verdicts
    ) -> None:
        await self.restless(verdicts)
        await self.cast(verdicts, UP, DOWN)
        waits = []
        for _ in range(3):
            await self.cast(verdicts, UP)
            waits.append((await verdict_of(store))["held_until_ms"] - await now_ms(store))
            await change_verdict(store, held_until_ms=await now_ms(store) - 1)
            assert await self.cast(verdicts, UP, DOWN) == [["a"], ["a"]]
        assert waits == [pytest.approx(wait, abs=2000) for wait in (10_000, 20_000, 25_000)]

    async def test_a_whole_window_of_calm_makes_it_good_again(self, store: Store, verdicts: Verdicts) -> None:
        await self.restless(verdicts)
        await self.cast(verdicts, UP)
        old = await now_ms(store) - 60_001
        await change_verdict(store, holds=4, at_ms=old, flips_ms=[old] * 4)
        assert await self.cast(verdicts, DOWN, UP) == [["a"], ["a"]]
        verdict = await verdict_of(store)
        assert (verdict["holds"], len(verdict["flips_ms"])) == (0, 2)

    async def test_the_limit_itself_is_no_excess_and_0_is_no_limit(
        self, store: Store, verdicts: Verdicts
    ) -> None:
        await self.restless(verdicts)
        assert await self.cast(verdicts, UP) == [["a"]]
        off = HealthSettings(flap_limit=0)
        for vote in (DOWN, UP) * 5:
            assert await verdicts.cast("web", "n1", {"a": vote}, settings=off) == ["a"]

    async def test_going_down_never_waits(self, verdicts: Verdicts) -> None:
        await self.restless(verdicts)
        await self.cast(verdicts, UP)
        assert await self.cast(verdicts, DOWN) == [["a"]]

    async def test_a_reading_tells_of_it(self, store: Store, verdicts: Verdicts) -> None:
        await self.restless(verdicts)
        await self.cast(verdicts, UP, DOWN, UP)
        reading = await Registry(store).read_pool("web")
        assert reading is not None
        server = next(server for server in reading.snapshot.servers if server.id == "a")
        assert server.held
        assert server.verdict is not None
        assert server.verdict.flips == 5
        assert verdicts.flips == {"web": 6}


async def test_of_many_nodes_at_once_exactly_one_flips_the_verdict(real_store: Store) -> None:
    await Registry(real_store).register("web", record("a"))
    verdicts = Verdicts(real_store)
    flips = await asyncio.gather(*(verdicts.cast("web", f"n{number}", {"a": DOWN}) for number in range(20)))
    assert sorted(flips) == [[]] * 19 + [["a"]]
    assert await epoch_of(real_store) == 2
