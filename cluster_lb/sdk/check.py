"""A command that says how a server is: run beside it, again and again, by the sidecar.

Exit code 0: up. Anything else: the server says of itself that it is down, with the code and the last line
that the command printed. No shell is involved; what is still running after the timeout is killed with its
whole process group, and with all that descends from it.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import psutil

from cluster_lb.errors import InvalidValueError
from cluster_lb.model.server import MAX_REASON

CHECK_INTERVAL_S = 2.0  # as the nodes' probes (HAProxy inter 2 s)
CHECK_TIMEOUT_S = 1.0  # as theirs (Kubernetes exec probes: 1 s)
_MAX_OUTPUT_BYTES = 4096  # the end of the output, of which the last line is taken
_READ_SIZE = 4096

Say = Callable[[str, str], None]  # (state, reason), as `Registration.report_state`


@dataclass(frozen=True, slots=True)
class Check:
    """`command`: the program and its arguments."""

    command: tuple[str, ...]
    interval_s: float = CHECK_INTERVAL_S
    timeout_s: float = CHECK_TIMEOUT_S

    @classmethod
    def parse(
        cls, text: str, interval_s: float = CHECK_INTERVAL_S, timeout_s: float = CHECK_TIMEOUT_S
    ) -> Self:
        """`text` is split into words as a shell would, and nothing more. Raises InvalidValueError."""
        try:
            command = tuple(shlex.split(text))
        except ValueError as error:
            raise InvalidValueError(f"check {text!r}: {error}") from None
        if not command:
            raise InvalidValueError("check is empty: name a command")
        for name, value in (("interval", interval_s), ("timeout", timeout_s)):
            if not 0 < value <= 3600:
                raise InvalidValueError(f"check {name} {value:g}: must be above 0, at most 3600 seconds")
        return cls(command, interval_s, timeout_s)

    async def keep_telling(self, say: Say) -> None:
        """Run the command for ever, and say what changed."""
        told: tuple[str, str] | None = None
        while True:
            found = await self.once()
            if found != told:
                say(*found)
                told = found
            await asyncio.sleep(self.interval_s)

    async def once(self) -> tuple[str, str]:
        """Run the command: the state, with the reason where it is down."""
        try:
            child = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                process_group=0,
            )
        except OSError as error:
            return "down", f"{self.command[0]}: {error.strerror}"[:MAX_REASON]
        try:
            async with asyncio.timeout(self.timeout_s):
                output = await _end_of(child)
                code = await child.wait()
        except TimeoutError:
            return "down", f"no exit within {self.timeout_s:g} s"
        finally:
            await _end(child)
        return ("up", "") if code == 0 else ("down", _reason(code, output))


async def _end_of(child: asyncio.subprocess.Process) -> bytes:
    """The last of what it prints, once it has printed all; what comes before is forgotten."""
    assert child.stdout is not None
    kept = b""
    while part := await child.stdout.read(_READ_SIZE):
        kept = (kept + part)[-_MAX_OUTPUT_BYTES:]
    return kept


async def _end(child: asyncio.subprocess.Process) -> None:
    """Nothing that it started outlives it, but what is in a session of its own and has lost its parent."""
    descendants = _descendants(child) if child.returncode is None else []
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    for process in descendants:
        with suppress(psutil.Error):  # ended meanwhile, or is another user's now
            process.kill()
    await child.wait()


def _descendants(child: asyncio.subprocess.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(child.pid).children(recursive=True)
    return []


def _reason(code: int, output: bytes) -> str:
    lines = output.decode("utf-8", "replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    printable = "".join(letter if letter.isprintable() else " " for letter in last)
    ending = f"signal {-code}" if code < 0 else f"exit {code}"
    return f"{ending}: {printable}".removesuffix(": ")[:MAX_REASON]
