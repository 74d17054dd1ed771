"""Lines to a file or a pipe: appended, never waited for, counted where they are lost."""

from __future__ import annotations

import os
import resource
import select
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cluster_lb.errors import SettingsError
from cluster_lb.proxy.log_file import LogFile, check_log


@contextmanager
def log_to(path: Path | str) -> Iterator[LogFile]:
    log = LogFile(str(path))
    try:
        yield log
    finally:
        log.close()


def test_a_file_is_created_for_its_group_and_appended_to(tmp_path):
    path = tmp_path / "access.log"
    before = os.umask(0)
    try:
        for line in (b"one\n", b"two\n"):
            with log_to(path) as log:
                log.write(line)
    finally:
        os.umask(before)
    assert path.read_bytes() == b"one\ntwo\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("name", "problem"),
    [("missing/access.log", "No such file or directory"), (".", "Is a directory")],
)
def test_a_path_that_cannot_be_opened_is_named(tmp_path, name, problem):
    with pytest.raises(SettingsError) as raised:
        check_log(str(tmp_path / name))
    assert str(raised.value) == f"node.access_log_path: {tmp_path / name}: {problem}"


def test_a_fifo_that_nobody_reads_holds_nothing_up(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(SettingsError, match="nobody reads this FIFO"):
        check_log(str(tmp_path / "fifo"))


def test_after_a_rotation_it_goes_on_in_a_new_file(tmp_path, events):
    path = tmp_path / "access.log"
    with log_to(path) as log:
        log.write(b"one\n")
        path.rename(tmp_path / "access.log.1")
        log.write(b"two\n")
        log.reopen()
        log.write(b"three\n")
    assert (tmp_path / "access.log.1").read_bytes() == b"one\ntwo\n"
    assert path.read_bytes() == b"three\n"


def test_a_new_file_that_cannot_be_opened_leaves_the_old_one(tmp_path, events):
    folder = tmp_path / "logs"
    folder.mkdir()
    with log_to(folder / "access.log") as log:
        folder.rename(tmp_path / "moved")
        log.reopen()
        log.write(b"one\n")
    assert (tmp_path / "moved" / "access.log").read_bytes() == b"one\n"
    assert [event["log_level"] for event in events] == ["error"]


def test_a_full_disk_is_reported_once_and_lines_are_counted(events):
    with log_to("/dev/full") as log:
        log.write(b"one\ntwo\n")
        log.write(b"three\n")
    assert [(event["log_level"], event["problem"]) for event in events] == [
        ("error", "No space left on device")
    ]
    assert log.lost == 3


@contextmanager
def file_size_limit(limit: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_a_line_cut_by_a_full_disk_does_not_spoil_the_next(tmp_path, events):
    path = tmp_path / "access.log"
    with log_to(path) as log:
        with file_size_limit(6):
            log.write(b"one\ntwo\nthree\n")
        log.write(b"four\n")
        log.write(b"five\n")
    assert path.read_bytes() == b"one\ntw\nfour\nfive\n"
    assert log.lost == 2
    assert len(events) == 1


@contextmanager
def pipe() -> Iterator[tuple[int, Path]]:
    reads, writes = os.pipe()
    try:
        yield reads, Path(f"/proc/self/fd/{writes}")
    finally:
        os.close(reads)
        os.close(writes)


def test_a_reader_that_stands_still_costs_lines_and_holds_nothing_up(events):
    line = b"x" * 99 + b"\n"
    with pipe() as (reads, path), log_to(path) as log:
        log.write(line * 2000)  # far more than a pipe holds (64 KiB on Linux)
        assert [event["problem"] for event in events] == ["nobody reads it"]
        received = read_all(reads)
        assert received.count(line) + log.lost == 2000
        assert received == line * received.count(line)  # whole lines
        log.write(b"later\n")
        assert read_all(reads) == b"later\n"


def read_all(fd: int) -> bytes:
    received = b""
    while select.select([fd], [], [], 0)[0]:
        received += os.read(fd, 1 << 20)
    return received


def test_a_line_longer_than_a_pipe_takes_at_once_arrives_whole():
    with pipe() as (reads, path), log_to(path) as log:
        log.write(b"x" * 10_000 + b"\n" + b"short\n")
        assert read_all(reads) == b"x" * 10_000 + b"\n" + b"short\n"


def test_a_reader_that_is_gone_stops_nothing(events):
    with pipe() as (reads, path), log_to(path) as log:
        os.dup2(os.open(os.devnull, os.O_RDONLY), reads)
        log.write(b"one\n")
    assert log.lost == 1
    assert [event["problem"] for event in events] == ["Broken pipe"]
