"""Batches, sampling, and what happens to lines that cannot be written."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from cluster_lb.proxy.access_log import AccessLog
from cluster_lb.proxy.failures import SERVER_CLOSED
from cluster_lb.settings.logging import AccessLogForm
from tests.proxy.test_access_lines import exchange as settled
from tests.proxy.test_access_lines import server

SERVER = server()


def exchange(**more):
    return settled(**({"failure": None} | more))


class WallClock:
    at = 1_700_000_000.25

    def wall(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


@pytest.fixture
def open_log(path):
    """Opens access logs that are closed at the end: `open_log(form, clock=..., **options)`."""
    logs = []

    def open_log(form=AccessLogForm.TEXT, clock=None, **options):
        logs.append(AccessLog(form, str(path), clock or WallClock(), **options))
        return logs[-1]

    yield open_log
    for log in logs:
        log.close()


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


@pytest.mark.parametrize("form", [AccessLogForm.TEXT, AccessLogForm.JSON, AccessLogForm.COMBINED])
def test_lines_are_held_back_until_the_tick(open_log, path, form):
    log = open_log(form)
    log.exchange(exchange(), SERVER, 0.0042)
    log.refusal("192.0.2.1", 400, "missing Host")
    assert lines(path) == []
    log.on_tick(0.0)
    assert len(lines(path)) == 2
    log.on_tick(0.0)
    assert len(lines(path)) == 2


def test_the_time_is_that_of_the_last_tick(open_log, path):
    clock = WallClock()
    log = open_log(clock=clock)
    clock.at += 60
    log.exchange(exchange(), SERVER, 0.0)
    log.on_tick(0.0)
    log.exchange(exchange(), SERVER, 0.0)
    log.flush()
    assert [line[:19] for line in lines(path)] == ["2023-11-14T22:13:20", "2023-11-14T22:14:20"]


HAPPENS = {
    "exchange": lambda log: log.exchange(exchange(), SERVER, 0.0),
    "exchange with a body": lambda log: log.exchange(exchange(body_bytes=9), SERVER, 0.0),
    "refusal": lambda log: log.refusal("192.0.2.1", 400, "missing Host"),
}


@pytest.mark.parametrize("happens", HAPPENS.values(), ids=HAPPENS)
def test_a_full_batch_is_written_at_once(open_log, path, happens):
    log = open_log()
    for _ in range(600):
        happens(log)
    assert len(lines(path)) == 512


def test_lines_are_in_the_order_of_what_happened(open_log, path):
    log = open_log()
    for number in range(100):
        log.exchange(exchange(status=200 + number, body_bytes=number % 7 == 0), SERVER, 0.0)
        if number % 11 == 0:
            log.refusal("192.0.2.1", 300 + number, "missing Host")
    log.flush()
    expected = [n for number in range(100) for n in ([200 + number, 300 + number][: 1 + (number % 11 == 0)])]
    assert [int(line.split('" ')[1][:3]) for line in lines(path)] == expected


def test_what_is_held_is_written_at_the_end(path):
    log = AccessLog(AccessLogForm.TEXT, str(path), WallClock())
    log.exchange(exchange(), SERVER, 0.0)
    log.close()
    assert len(lines(path)) == 1


def test_a_request_id_is_logged_where_requests_may_have_one(open_log, path):
    log = open_log(request_ids=True)
    log.exchange(exchange(request_id=b"abc"), SERVER, 0.0)
    log.flush()
    assert lines(path)[0].endswith(" request_id=abc")


def test_of_what_went_well_the_sample_is_logged(open_log, path):
    log = open_log(sample=0.1, random=Random(1))
    for number in range(20_000):  # two kinds of requests that alternate have equal chances
        log.exchange(exchange(status=200 + number % 2), SERVER, 0.0)
    log.flush()
    logged = Counter(line.split('" ')[1][:3] for line in lines(path))
    assert 1800 < logged.total() < 2200
    assert 0.85 < logged["200"] / logged["201"] < 1.18


@pytest.mark.parametrize(
    ("more", "elapsed"),
    [
        ({"status": 500}, 0.0),
        ({"status": 499, "failure": SERVER_CLOSED}, 0.0),
        ({"status": 200}, 0.5),
    ],
)
def test_failures_slow_requests_and_refusals_are_always_logged(open_log, path, more, elapsed):
    log = open_log(sample=0.0)
    log.exchange(exchange(**more), SERVER, elapsed)
    log.exchange(exchange(), SERVER, 0.499)
    log.refusal("192.0.2.1", 400, "missing Host")
    log.flush()
    assert len(lines(path)) == 2
