"""When samples are told, and what probes of an ejected server say."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from cluster_lb.errors import StoreError, StoreUnavailableError
from cluster_lb.health.observation import Observation, Word
from cluster_lb.health.passive import Passive
from cluster_lb.model.address import Address
from cluster_lb.model.ejection import Ejection
from cluster_lb.model.sample import Run, Sample
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.settings.schema import PoolSettings
from cluster_lb.store.outliers import Judgement
from tests.doubles.waiting import eventually

SAMPLE = Sample(3, 1, Run(True, 1), Run(True, 0), Run(True, 0))
GOOD, REFUSED = Observation(Word.L7OK, "200"), Observation(Word.L4CON, "connection refused")


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


class World:
    """What surrounds it: the data path's counts, and the store."""

    def __init__(self) -> None:
        self.samples: dict[str, dict[str, Sample]] = {}
        self.told: list[tuple[str, dict, dict]] = []
        self.looks: list[tuple[str, float]] = []
        self.answer: Judgement | Exception = Judgement({}, {}, ())
        self.clock = Clock()
        self.passive = Passive(self.judge, self, self.clock)  # type: ignore[arg-type]

    def look(self, pool: str, elapsed_s: float) -> None:
        self.looks.append((pool, elapsed_s))

    def has_failures(self, pool: str) -> bool:
        return any(sample.failed for sample in self.samples.get(pool, {}).values())

    def take_samples(self, pool: str) -> dict[str, Sample]:
        return self.samples.pop(pool, {})

    async def judge(self, pool, settings, samples, proven) -> Judgement:
        self.told.append((pool, dict(samples), dict(proven)))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def update(self, *ejections: Ejection | None, pool: str = "web", **settings: object) -> None:
        servers = [
            Server(f"s{n}", Address("127.0.0.1", 9001), ejection=one) for n, one in enumerate(ejections)
        ]
        read = PoolSettings.model_validate({"outliers": {}} | settings)
        self.passive.update(Snapshot(pool, 1, "round_robin", 0.5, tuple(servers)), read)

    async def proven(self) -> dict[str, int]:
        """What the next call tells of probes."""
        self.clock.now += 1
        await self.passive.look()
        return self.told[-1][2]


@pytest.fixture
def world() -> World:
    return World()


def ejection(times: int = 1, at_ms: int = 1000, kind: str = "consecutive_5xx", **more) -> Ejection:
    return Ejection(kind, "5 5xx in a row", "n1", at_ms, at_ms + 30_000, times, **more)


async def test_a_pool_is_told_of_while_it_wants_to_be(world):
    world.update()
    world.update(pool="plain", outliers={"enabled": False})
    await world.passive.look()
    assert world.told == [("web", {}, {})]
    world.update(outliers={"enabled": False})
    world.clock.now += 10
    await world.passive.look()
    assert len(world.told) == 1


async def test_successes_wait_for_their_time_and_failures_do_not(world):
    world.update()
    await world.passive.look()
    world.samples["web"] = {"s0": Sample(3, 0, Run(True, 0), Run(True, 0), Run(True, 0))}
    await world.passive.look()
    assert len(world.told) == 1
    world.samples["web"] = {"s0": SAMPLE}
    await world.passive.look()
    assert world.told[1:] == [("web", {"s0": SAMPLE}, {})]


async def test_each_look_stands_for_the_time_since_the_last_one(world):
    world.update()
    for passed in (0.25, 0.3, 60.0):  # a machine that slept has seen nothing
        world.clock.now += passed
        await world.passive.look()
    assert world.looks == [("web", pytest.approx(seconds)) for seconds in (0.25, 0.3, 1.0)]


async def test_what_was_decided_is_counted(world):
    world.answer = Judgement({"s0": "consecutive_5xx"}, {"s1": "probes"}, ("s2", "s3"))
    world.update()
    await world.passive.look()
    assert world.passive.ejected == {("web", "consecutive_5xx"): 1}
    assert world.passive.returned == {("web", "probes"): 1}
    assert world.passive.spared == {"web": 2}


async def test_without_redis_the_sample_is_dropped_in_silence(world):
    world.answer = StoreUnavailableError("no answer in 0.5 s")
    world.samples["web"] = {"s0": SAMPLE}
    with capture_logs() as events:
        world.update()
        await world.proven()
        await world.proven()
    assert [samples for _, samples, _ in world.told] == [{"s0": SAMPLE}, {}]
    assert events == []


async def test_a_refusal_is_logged_once(world):
    world.answer = StoreError("Redis refused judge_outliers: NOPERM")
    with capture_logs() as events:
        world.update()
        await world.proven()
        await world.proven()
    assert [event["event"] for event in events] == ["cannot tell what traffic saw"]


class TestProbes:
    async def test_good_ones_in_a_row_prove_the_ejection_wrong(self, world):
        world.update(ejection(at_ms=1000))
        for observation in (GOOD, REFUSED, GOOD):
            world.passive.hear_probe("web", "s0", observation)
            assert await world.proven() == {}
        world.passive.hear_probe("web", "s0", Observation(Word.SOCKERR))  # says nothing either way
        world.passive.hear_probe("web", "s0", GOOD)
        assert await world.proven() == {"s0": 1000}

    async def test_each_further_ejection_takes_more_of_them(self, world):
        world.update(ejection(times=3), health={"rise": 2})
        for _ in range(5):
            world.passive.hear_probe("web", "s0", GOOD)
        assert await world.proven() == {}
        world.passive.hear_probe("web", "s0", GOOD)
        assert await world.proven() == {"s0": 1000}

    async def test_those_before_an_ejection_do_not_count(self, world):
        world.update(ejection(recovered_at_ms=31_000))
        for _ in range(9):
            world.passive.hear_probe("web", "s0", GOOD)
        world.update(ejection(at_ms=50_000))
        world.passive.hear_probe("web", "s0", GOOD)
        assert await world.proven() == {}

    async def test_a_new_reading_of_the_same_ejection_keeps_the_count(self, world):
        for _ in range(2):
            world.update(ejection())
            world.passive.hear_probe("web", "s0", GOOD)
        assert await world.proven() == {"s0": 1000}

    async def test_that_a_connection_opens_says_nothing_of_requests(self, world):
        world.update(ejection())
        for _ in range(9):
            world.passive.hear_probe("web", "s0", Observation(Word.L4OK))
        assert await world.proven() == {}

    async def test_where_the_setting_says_so_the_time_alone_ends_it(self, world):
        world.update(ejection(), outliers={"probes_end_it": False})
        for _ in range(9):
            world.passive.hear_probe("web", "s0", GOOD)
        assert await world.proven() == {}

    @pytest.mark.parametrize(("slow_ms", "proven"), [(0, {}), (200, {"s0": 1000})])
    async def test_a_slow_server_is_proven_by_probes_that_must_be_quick_alone(self, world, slow_ms, proven):
        world.update(ejection(kind="latency"), health={"slow_ms": slow_ms})
        for _ in range(9):
            world.passive.hear_probe("web", "s0", GOOD)
        assert await world.proven() == proven

    async def test_servers_and_pools_that_are_not_watched_are_passed_over(self, world):
        world.passive.hear_probe("web", "s0", GOOD)
        world.update(None)
        world.passive.hear_probe("web", "s0", GOOD)
        assert await world.proven() == {}


async def test_it_looks_by_itself(world, monkeypatch):
    monkeypatch.setattr("cluster_lb.health.passive.LOOK_S", 0.0)
    world.update()
    running = asyncio.ensure_future(world.passive.run())
    await eventually(lambda: world.told)
    world.samples["web"] = {"s0": SAMPLE}
    await eventually(lambda: len(world.told) == 2)
    running.cancel()
