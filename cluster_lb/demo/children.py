"""Child processes: their output in files, ended by pid whatever happens."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

GRACE_S = 5.0  # between SIGTERM and SIGKILL
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Child:
    """One process; `log` holds what it printed."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def runs(self) -> bool:
        return self.popen.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when the process has ended."""
        self.popen.send_signal(number)

    def kill(self) -> None:
        """End it at once, with no chance to say goodbye."""
        self.popen.kill()
        self.popen.wait()

    def last_words(self) -> str:
        """The last line that it printed."""
        lines = self.log.read_text(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "it printed nothing")


class Children:
    """A context manager: all that were started are ended with it. Output goes to `folder`/NAME.log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: list[Child] = []

    def start(self, name: str, argv: Sequence[str]) -> Child:
        """Start a process; a name that was used before writes on in the same file."""
        log = self.folder / f"{name}.log"
        with log.open("ab") as output:
            # A session of its own: Ctrl-C at a terminal reaches the parent alone, which ends them in order.
            popen = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,
            )
        child = Child(name, popen, log)
        self._started.append(child)
        return child

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Last started, first ended: what others need ends after them."""
        for child in reversed(self._started):
            child.send(signal.SIGCONT)
            child.send(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        while any(child.runs for child in self._started) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        for child in self._started:
            child.kill()


class Ports:
    """Loopback ports that nobody listens on, none twice."""

    def __init__(self) -> None:
        self._given: set[int] = set()

    def pick(self, preferred: int) -> int:
        """`preferred` where it is free, else any."""
        while True:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", preferred))
                except OSError:
                    preferred = 0
                    continue
                port: int = probe.getsockname()[1]
            if port not in self._given:
                self._given.add(port)
                return port
            preferred = 0
