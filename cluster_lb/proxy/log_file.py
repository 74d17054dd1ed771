"""Where the lines of a log go: a file that can be opened again, or standard output.

Nothing here ever waits for a reader, and nothing is held back: a line that cannot be written now is lost,
and counted.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import sys

import structlog

from cluster_lb.errors import SettingsError
from cluster_lb.settings.logging import STANDARD_OUTPUT

_log = structlog.get_logger("access_log")

MODE = 0o640  # of a file that is created, less what the umask takes


def open_log(path: str) -> int:
    """A descriptor that appends to `path`. Raises SettingsError that names it."""
    if path == STANDARD_OUTPUT:
        return sys.stdout.fileno()
    try:
        # Without O_NONBLOCK a FIFO that nobody reads would hold the node up for ever.
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, MODE)
    except OSError as error:
        problem = "nobody reads this FIFO" if error.errno == errno.ENXIO else error.strerror
        raise SettingsError("node.access_log_path", f"{path}: {problem}") from None


def close_log(path: str, fd: int) -> None:
    """Close what `open_log` gave."""
    if path != STANDARD_OUTPUT:
        os.close(fd)


def check_log(path: str) -> None:
    """Raises SettingsError when `path` could not be opened."""
    close_log(path, open_log(path))


class LogFile:
    """Takes whole lines. `lost`: lines that could not be written."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = open_log(path)
        self._broken = False
        self._torn = False  # what was written last does not end with its line
        self.lost = 0

    def write(self, data: bytes) -> None:
        """Write lines, each with its newline. Trouble is reported once, until it is over."""
        if self._torn:
            data = b"\n" + data
        try:
            while data:
                data = self._write_some(data)
            self._broken = self._torn = False
        except OSError as error:
            self.lost += data.count(b"\n")
            if not self._broken:
                self._broken = True
                problem = error.strerror or str(error)
                _log.error("access log cannot be written; lines are lost until it can", problem=problem)

    def _write_some(self, data: bytes) -> bytes:
        """Write what fits; returns the rest."""
        if stat.S_ISREG(os.fstat(self._fd).st_mode):
            written = os.write(self._fd, data)
        else:
            if not select.select([], [self._fd], [], 0)[1]:
                raise BlockingIOError(errno.EAGAIN, "nobody reads it")
            # A pipe that is ready takes so much without blocking, and in one piece: the lines of several
            # workers on one pipe stay whole.
            whole = data.rfind(b"\n", 0, select.PIPE_BUF) + 1
            written = os.write(self._fd, data[: whole or select.PIPE_BUF])
        self._torn = data[written - 1 : written] != b"\n"
        return data[written:]

    def reopen(self) -> None:
        """Go on in a new file of the same name, after the old one was moved away. Where that cannot be
        opened, the old one goes on."""
        try:
            fd = open_log(self._path)
        except SettingsError as error:
            _log.error("access log cannot be opened again; it goes on in the old file", problem=str(error))
            return
        close_log(self._path, self._fd)
        self._fd = fd
        self._torn = False
        _log.info("access log is open again", path=self._path)

    def close(self) -> None:
        close_log(self._path, self._fd)
