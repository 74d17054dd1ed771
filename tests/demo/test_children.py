"""Child processes are ended whatever they do, and say what they printed."""

from __future__ import annotations

import signal
import socket
import sys
from pathlib import Path

from cluster_lb.demo.children import Children, Ports
from tests.doubles.waiting import eventually

_STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(60)
"""


async def test_all_are_ended_with_their_owner_also_a_frozen_one(tmp_path: Path) -> None:
    with Children(tmp_path) as children:
        asleep = children.start("asleep", ["sleep", "60"])
        frozen = children.start("frozen", ["sleep", "60"])
        frozen.send(signal.SIGSTOP)
        assert asleep.runs
        assert frozen.runs
    assert not asleep.runs
    assert not frozen.runs


async def test_one_that_ignores_the_signal_is_killed_after_the_grace_time(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr("cluster_lb.demo.children.GRACE_S", 0.1)
    with Children(tmp_path) as children:
        deaf = children.start("deaf", [sys.executable, "-c", _STUBBORN])
        await eventually(lambda: deaf.last_words() == "deaf")
    assert deaf.popen.returncode == -signal.SIGKILL


async def test_a_name_that_starts_again_writes_on_in_the_same_log(tmp_path: Path) -> None:
    with Children(tmp_path) as children:
        children.start("one", ["echo", "first"]).popen.wait()
        again = children.start("one", ["echo", "second"])
        again.popen.wait()
    assert again.log.read_text() == "first\nsecond\n"
    assert again.last_words() == "second"


async def test_a_preferred_port_is_taken_when_it_is_free_and_never_twice() -> None:
    ports = Ports()
    free = ports.pick(0)
    assert Ports().pick(free) == free
    assert ports.pick(free) != free


async def test_a_port_that_somebody_listens_on_is_left_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        assert Ports().pick(taken) != taken
