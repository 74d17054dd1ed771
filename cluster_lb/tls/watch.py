"""Looks after everything that was made from files: changed ones are read again, ends of life are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog

from cluster_lb.tls.watched import Watched

if TYPE_CHECKING:
    from cluster_lb.tls.certificate import Certificate

_log = structlog.get_logger("tls")

CHECK_S = 10.0  # a look at times and inodes; certificates change every few weeks
EXPIRY_WARNING_S = 14 * 86400.0  # certbot renews 30 days before the end: by then it has failed for two weeks
WARN_AGAIN_S = 86400.0


class Watch:
    """`run` checks what was added, every CHECK_S and when told to `hurry`. `wall`: seconds since 1970."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._watched: list[Watched[Any]] = []
        self._certificates: list[Callable[[], Iterable[Certificate]]] = []
        self._hurried = asyncio.Event()
        self._warned: dict[str, float] = {}

    def add(self, watched: Watched[Any]) -> None:
        """Check this one too."""
        self._watched.append(watched)

    def warn_of(self, certificates: Callable[[], Iterable[Certificate]]) -> None:
        """Warn when one of those that `certificates()` gives comes near its end."""
        self._certificates.append(certificates)

    def hurry(self) -> None:
        """Read everything again, changed or not."""
        self._hurried.set()

    @property
    def failures(self) -> int:
        """Times that files could not be used."""
        return sum(watched.failures for watched in self._watched)

    async def run(self) -> None:
        """Look after them, for ever."""
        while True:
            self.warn_of_expiry()
            try:
                async with asyncio.timeout(CHECK_S):
                    await self._hurried.wait()
            except TimeoutError:
                await self.check()
            else:
                self._hurried.clear()
                await self.check(force=True)

    async def check(self, *, force: bool = False) -> None:
        """One look at all of them, in a thread."""
        for watched in tuple(self._watched):
            await asyncio.to_thread(watched.check, force=force)

    def warn_of_expiry(self) -> None:
        """Tell of each certificate that ends soon, once a day."""
        now = self._wall()
        for certificate in (one for listed in self._certificates for one in listed()):
            left_s = certificate.expires_at - now
            told = self._warned.get(certificate.path)
            if left_s > EXPIRY_WARNING_S or (told is not None and now - told < WARN_AGAIN_S):
                continue
            self._warned[certificate.path] = now
            _log.warning(
                "certificate ends soon" if left_s > 0 else "certificate has ended",
                certificate=certificate.path,
                ends=datetime.fromtimestamp(certificate.expires_at, UTC).isoformat(timespec="minutes"),
            )
