"""Things made from files, and made anew when the files change."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

from cluster_lb.errors import SettingsError

_log = structlog.get_logger("tls")

T = TypeVar("T")
_Stamp = tuple[tuple[int, int, int] | None, ...]


class Watched(Generic[T]):
    """`value` is what `make()` gave when it last worked. `failures`: files that could not be used.

    When the first try does not work, `otherwise(error)` stands in for the value; without it SettingsError is
    raised.
    """

    def __init__(
        self,
        what: str,
        paths: tuple[str, ...],
        make: Callable[[], T],
        otherwise: Callable[[SettingsError], T] | None = None,
    ) -> None:
        self.what = what
        self.failures = 0
        self._paths = paths
        self._make = make
        self._stamp = _stamp(paths)
        try:
            self.value = make()
        except SettingsError as error:
            if otherwise is None:
                raise
            self.failures += 1
            _log.error("TLS files cannot be used", of=what, problem=str(error))
            self.value = otherwise(error)

    def check(self, *, force: bool = False) -> None:
        """Make the value anew if a file changed, or by `force`. Files that cannot be used leave it as it is,
        which is told once, until they change again. Blocks: for a thread."""
        stamp = _stamp(self._paths)
        if stamp == self._stamp and not force:
            return
        self._stamp = stamp
        try:
            self.value = self._make()
        except SettingsError as error:
            self.failures += 1
            _log.error("new TLS files cannot be used; the old ones stay", of=self.what, problem=str(error))
        else:
            _log.info("TLS files read", of=self.what)


def _stamp(paths: tuple[str, ...]) -> _Stamp:
    return tuple(_one_stamp(path) for path in paths)


def _one_stamp(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)  # follows links: certbot and Kubernetes swap those
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
