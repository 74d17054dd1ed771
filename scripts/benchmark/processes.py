"""Child processes: pinned to one core, their output in a file, ended by pid whatever happens."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

GRACE_S = 5.0  # between SIGTERM and SIGKILL; every contender is idle by then


@dataclass(frozen=True)
class Process:
    """A child that runs; `log` holds what it printed."""

    name: str
    pid: int
    log: Path

    def last_words(self) -> str:
        """The last lines it printed, for an error message."""
        return self.log.read_text(errors="replace")[-600:].strip() or "it printed nothing"


def find_program(name: str) -> str | None:
    """The program's path: beside this Python first (wheels), then on PATH and where Debian keeps daemons."""
    places = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath), "/usr/sbin"]
    return shutil.which(name, path=os.pathsep.join(places))


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    name: str, argv: Sequence[str], *, core: int, folder: Path, env: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """Runs `argv` on `core` with `folder` as its working directory; ends its whole tree on the way out."""
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        # A session of its own: Ctrl-C reaches the benchmark alone, which then ends its children in order.
        popen = subprocess.Popen(
            ["taskset", "--cpu-list", str(core), *argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
    try:
        yield Process(name, popen.pid, log)
    finally:
        _end(popen)


def _end(popen: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the process, then SIGKILL to whatever of its tree is left after the grace time."""
    try:
        children = psutil.Process(popen.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        children = []
    popen.terminate()
    try:
        popen.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait()
    _, left = psutil.wait_procs(children, timeout=1)
    for child in left:
        child.kill()
