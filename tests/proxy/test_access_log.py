"""A line an exchange, in batches."""

from __future__ import annotations

import json
import os
import select
from types import SimpleNamespace

import pytest

from cluster_lb.proxy.access_log import AccessLogWriter
from cluster_lb.settings.schema import AccessLog


class WallClock:
    at = 1_700_000_000.25

    def wall(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return 0.0


def exchange(target: str = "/a?b", **more):
    fields = {
        "request_line": f"GET {target} HTTP/1.1\r\n".encode(),
        "client": SimpleNamespace(peer="192.0.2.1"),
        "pool": SimpleNamespace(name="web"),
        "status": 200,
        "attempts": 2,
        "body_bytes": 3,
        "response_bytes": 4,
        "started": 10.0,
        "first_byte_at": 10.002,
    }
    return SimpleNamespace(**(fields | more))


@pytest.fixture
def file(tmp_path):
    with open(tmp_path / "access.log", "w+b") as file:
        yield file


def written(file) -> list[str]:
    file.seek(0)
    return file.read().decode().splitlines()


def test_a_line_of_text(file):
    log = AccessLogWriter(AccessLog.TEXT, file.fileno(), WallClock())
    log.exchange(exchange(), "s0", 0.0042)
    log.refusal("192.0.2.1", 400, "missing Host")
    assert written(file) == []  # held back until the tick
    log.on_tick(0.0)
    assert written(file) == [
        '2023-11-14T22:13:20.250+00:00 192.0.2.1 "GET /a?b" 200 web/s0 attempts=2 in=3 out=4 '
        "first_byte=2.00ms total=4.20ms",
        '2023-11-14T22:13:20.250+00:00 192.0.2.1 "-" 400 -/- reason="missing Host"',
    ]


def test_a_line_of_json(file):
    log = AccessLogWriter(AccessLog.JSON, file.fileno(), WallClock())
    log.exchange(exchange(first_byte_at=0.0), "s0", 0.0042)
    log.refusal("192.0.2.1", 400, "missing Host")
    log.flush()
    first, second = map(json.loads, written(file))
    assert first == {
        "time": "2023-11-14T22:13:20.250+00:00",
        "client": "192.0.2.1",
        "method": "GET",
        "path": "/a?b",
        "status": 200,
        "pool": "web",
        "server": "s0",
        "attempts": 2,
        "bytes_in": 3,
        "bytes_out": 4,
        "first_byte_ms": 4.2,
        "total_ms": 4.2,
    }
    assert second == {
        "time": "2023-11-14T22:13:20.250+00:00",
        "client": "192.0.2.1",
        "status": 400,
        "reason": "missing Host",
    }


def test_a_target_cannot_forge_fields(file):
    log = AccessLogWriter(AccessLog.TEXT, file.fileno(), WallClock())
    log.exchange(exchange('/"x'), "s0", 0.0)
    log.flush()
    assert '"GET /%22x" 200' in written(file)[0]


def test_the_time_is_that_of_the_last_tick(file):
    clock = WallClock()
    log = AccessLogWriter(AccessLog.TEXT, file.fileno(), clock)
    clock.at += 60
    log.exchange(exchange(), "s0", 0.0)
    log.on_tick(0.0)
    log.exchange(exchange(), "s0", 0.0)
    log.flush()
    assert [line[:19] for line in written(file)] == ["2023-11-14T22:13:20", "2023-11-14T22:14:20"]


def test_a_full_batch_is_written_at_once(file):
    log = AccessLogWriter(AccessLog.TEXT, file.fileno(), WallClock())
    for _ in range(600):
        log.exchange(exchange(), "s0", 0.0)
    assert len(written(file)) == 512


def test_a_log_that_cannot_be_written_is_reported_once_and_stops_nothing(events):
    read_end, write_end = os.pipe()
    os.close(read_end)
    log = AccessLogWriter(AccessLog.TEXT, write_end, WallClock())
    for _ in range(3):
        log.exchange(exchange(), "s0", 0.0)
        log.flush()
    os.close(write_end)
    assert [event["log_level"] for event in events] == ["error"]


def test_a_reader_that_stands_still_costs_lines_and_holds_nothing_up(events):
    reads, writes = os.pipe()
    try:
        log = AccessLogWriter(AccessLog.TEXT, writes, WallClock())
        for _ in range(2000):  # far more than a pipe holds (64 KiB on Linux)
            log.exchange(exchange(), "s0", 0.0042)
        log.flush()
        assert [event["error"] for event in events] == ["nobody reads it"]
        while os.read(reads, 1 << 20) and log_is_full(writes):
            pass
        log.exchange(exchange(), "s1", 0.0042)
        log.flush()
        assert b"web/s1" in os.read(reads, 1 << 20)
    finally:
        os.close(reads)
        os.close(writes)


def log_is_full(fd: int) -> bool:
    return not select.select([], [fd], [], 0)[1]
