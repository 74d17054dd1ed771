"""Votes reach the store: news at once, all of them at each refresh, again after an outage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

import pytest
from structlog.testing import capture_logs

from cluster_lb.clock import SystemClock
from cluster_lb.errors import StoreError, StoreUnavailableError
from cluster_lb.health.voting import Voting
from cluster_lb.model.availability import Health
from cluster_lb.model.verdict import Vote
from tests.doubles.waiting import eventually

UP, DOWN = Vote(Health.UP, "L4OK"), Vote(Health.DOWN, "L4TOUT")
NEVER_S = 3600.0


class BallotBox:
    """Takes casts; answers the first ones with the errors in `troubles`."""

    def __init__(self, *troubles: Exception) -> None:
        self.casts: list[tuple[str, dict[str, Vote]]] = []
        self.troubles = list(troubles)

    async def __call__(self, pool: str, votes) -> None:
        if self.troubles:
            raise self.troubles.pop(0)
        self.casts.append((pool, dict(votes)))


@asynccontextmanager
async def voting(box: Callable, refresh_s: float = NEVER_S) -> AsyncIterator[Voting]:
    held = Voting(box, SystemClock(), Random(1), refresh_s=refresh_s)
    task = asyncio.ensure_future(held.run())
    try:
        yield held
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_first_vote_and_a_changed_one_are_cast_at_once() -> None:
    box = BallotBox()
    async with voting(box) as held:
        held.vote("web", "a", UP)
        await eventually(lambda: box.casts == [("web", {"a": UP})])
        held.vote("web", "a", DOWN)
        await eventually(lambda: box.casts[1:] == [("web", {"a": DOWN})])


async def test_votes_of_one_moment_travel_in_one_cast_a_pool() -> None:
    box = BallotBox()
    async with voting(box) as held:
        for server in ("a", "b", "c"):
            held.vote("web", server, UP)
        held.vote("api", "x", DOWN)
        await eventually(lambda: len(box.casts) == 2)
    assert box.casts == [("web", {"a": UP, "b": UP, "c": UP}), ("api", {"x": DOWN})]


async def test_the_same_opinion_again_is_no_news() -> None:
    box = BallotBox()
    async with voting(box) as held:
        held.vote("web", "a", UP)
        await eventually(lambda: len(box.casts) == 1)
        held.vote("web", "a", Vote(Health.UP, "L7OK 204"))
        held.vote("web", "b", UP)
        await eventually(lambda: len(box.casts) == 2)
    assert box.casts[1] == ("web", {"b": UP})


async def test_each_refresh_says_all_votes_with_their_newest_reason() -> None:
    box = BallotBox()
    async with voting(box, refresh_s=0.05) as held:
        held.vote("web", "a", UP)
        held.vote("web", "b", DOWN)
        newer = Vote(Health.DOWN, "L4CON connection refused")
        await eventually(lambda: box.casts)
        held.vote("web", "b", newer)
        await eventually(lambda: box.casts[-3:] == [("web", {"a": UP, "b": newer})] * 3)


async def test_a_refresh_is_not_put_off_by_news() -> None:
    box = BallotBox()
    async with voting(box, refresh_s=0.2) as held:
        held.vote("web", "quiet", UP)
        flips = iter(range(10_000))

        def quiet_is_said_again() -> bool:
            held.vote("web", "busy", DOWN if next(flips) % 2 else UP)
            return sum("quiet" in votes for _, votes in box.casts) > 2

        await eventually(quiet_is_said_again)


@pytest.mark.parametrize(
    ("error", "level"), [(StoreUnavailableError("no answer"), "debug"), (StoreError("BUSY"), "error")]
)
async def test_an_outage_is_quiet_here_and_a_refusal_is_loud(error, level: str) -> None:
    with capture_logs() as lines:
        async with voting(BallotBox(error)) as held:
            held.vote("web", "a", UP)
            await eventually(lambda: lines)
    assert (lines[0]["log_level"], lines[0]["problem"]) == (level, str(error))


@pytest.mark.parametrize("error", [StoreUnavailableError("no answer in 0.5 s"), StoreError("BUSY")])
async def test_what_the_store_did_not_take_is_said_again_by_the_refresh(error) -> None:
    box = BallotBox(error, error)
    async with voting(box, refresh_s=0.05) as held:
        held.vote("web", "a", DOWN)
        await eventually(lambda: box.casts)
    assert box.casts[0] == ("web", {"a": DOWN})


async def test_one_pool_that_fails_does_not_hold_up_the_others() -> None:
    box = BallotBox(StoreError("WRONGTYPE"))
    async with voting(box) as held:
        held.vote("broken", "a", UP)
        held.vote("web", "a", UP)
        await eventually(lambda: box.casts == [("web", {"a": UP})])


async def test_a_forgotten_vote_is_not_cast_any_more() -> None:
    box = BallotBox()
    async with voting(box, refresh_s=0.05) as held:
        held.vote("web", "gone", UP)
        held.forget("web", "gone")
        held.vote("web", "a", UP)
        await eventually(lambda: len(box.casts) > 2)
    assert all(votes == {"a": UP} for _, votes in box.casts)


async def test_forgetting_what_was_never_voted_on_is_nothing() -> None:
    async with voting(BallotBox()) as held:
        held.forget("web", "unknown")


async def test_a_refusal_that_goes_on_is_logged_once_and_again_when_it_comes_back() -> None:
    box = BallotBox(*[StoreError("full")] * 3)
    with capture_logs() as lines:
        async with voting(box, refresh_s=0.01) as held:
            held.vote("web", "a", UP)
            await eventually(lambda: box.casts)
            box.troubles = [StoreError("full")]
            await eventually(lambda: not box.troubles)
            await eventually(lambda: len(lines) == 2)
    assert [line["event"] for line in lines] == ["votes not cast"] * 2
