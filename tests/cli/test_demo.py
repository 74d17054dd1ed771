"""`cluster-lb demo`, run as people run it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.doubles.waiting import eventually


class Demo:
    """`cluster-lb demo` with two nodes and two servers; what it prints goes to `log`."""

    def __init__(self, log: Path, *arguments: str) -> None:
        self._log = log
        command = [sys.executable, "-m", "cluster_lb", "demo", "--nodes", "2", "--servers", "2", *arguments]
        # Its folder of logs outlives it, so it is made in the test's; and the line that names it stays one.
        environment = os.environ | {"TMPDIR": str(log.parent), "COLUMNS": "400"}
        with log.open("wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)

    @property
    def printed(self) -> str:
        return self._log.read_text()

    async def ended(self, within_s: float) -> int | None:
        """Its exit code."""
        await eventually(lambda: self.process.poll() is not None, within_s)
        return self.process.returncode

    def left_over(self) -> list[str]:
        """Processes that still work in its folder."""
        folder = re.search(r"their logs: (\S+)", self.printed).group(1)
        return [found.name() for found in psutil.process_iter(["cwd"]) if found.info["cwd"] == folder]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    """Starts a demo; it is told to end when the test has ended before it."""
    started = []

    def start(*arguments: str) -> Demo:
        started.append(Demo(tmp_path / "demo.log", *arguments))
        return started[-1]

    yield start
    for running in started:
        running.process.terminate()
        running.process.wait()


@pytest.mark.cluster
async def test_a_round_of_incidents_ends_well_and_leaves_no_process(demo: Callable[..., Demo]) -> None:
    running = demo("--duration", "8")
    assert await running.ended(within_s=50.0) == 0, running.printed
    for what in ("killed server s2", "killed node-2", "froze Redis", "Redis goes on"):
        assert what in running.printed
    assert not running.left_over()


@pytest.mark.cluster
async def test_ctrl_c_ends_it_well_and_leaves_no_process(demo: Callable[..., Demo]) -> None:
    running = demo()
    await eventually(lambda: "killed server" in running.printed, within_s=50.0)
    running.process.send_signal(signal.SIGINT)
    assert await running.ended(within_s=20.0) == 0, running.printed
    assert "SNAPSHOT AGE" in running.printed  # the last tables
    assert not running.left_over()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--duration", "0"), "--duration 0: must be above 0 seconds"),
        (("--duration", "5", "--seed-scenario"), "leave one out"),
    ],
)
def test_bad_arguments_are_refused_before_anything_starts(arguments: tuple[str, ...], problem: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cluster_lb", "demo", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert problem in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
