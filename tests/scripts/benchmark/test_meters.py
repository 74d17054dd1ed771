"""The sample that a measurement makes."""

import pytest

from scripts.benchmark.contenders import RedisCommands
from scripts.benchmark.cpu import CpuSeconds
from scripts.benchmark.meters import Meters, make_sample
from scripts.benchmark.modes import SMALL
from scripts.benchmark.results import LoadResult

RESULT = LoadResult(requests=20_000, requests_per_s=10_000.0, p99_ms=7.5, bad_status=1, socket_errors=2)
NOTHING = CpuSeconds(0, 0)


def test_cpu_is_microseconds_per_request_user_and_system_apart() -> None:
    before, after = Meters(CpuSeconds(1.5, 0.5)), Meters(CpuSeconds(1.6, 0.8))
    sample = make_sample("a", SMALL, 0, RESULT, before, after)
    assert (sample.user_us, sample.system_us) == (pytest.approx(5.0), pytest.approx(15.0))
    assert sample.cpu_us == pytest.approx(20.0)
    assert (sample.requests_per_s, sample.p99_ms, sample.errors) == (10_000.0, 7.5, 3)
    assert sample.redis_per_1000 is None


def test_redis_commands_are_those_of_the_measurement() -> None:
    before, after = Meters(NOTHING, RedisCommands(500, 1000)), Meters(NOTHING, RedisCommands(540, 1200))
    sample = make_sample("a", SMALL, 0, RESULT, before, after)
    assert sample.redis_per_1000 == pytest.approx(2.0)
    assert sample.redis_executed_per_1000 == pytest.approx(10.0)


def test_connections_of_the_wrong_kind_are_errors() -> None:
    assert LoadResult(requests=5, requests_per_s=5.0, p99_ms=None, wrong_handshakes=2).errors == 2
