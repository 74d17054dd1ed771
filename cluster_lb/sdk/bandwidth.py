"""How busy the network of a backend's machine is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Protocol

import psutil

_SHORTEST_S = 0.5  # between two looks that are compared: several registrations share one meter


class Traffic(Protocol):
    """Bytes that an interface has carried so far; `psutil.net_io_counters` gives these."""

    @property
    def bytes_sent(self) -> int: ...

    @property
    def bytes_recv(self) -> int: ...


def _traffic() -> Mapping[str, Traffic]:
    return psutil.net_io_counters(pernic=True)


def _speeds() -> dict[str, float]:
    """Interface -> bytes a second, of those that know their speed: loopback and most virtual ones do not."""
    return {name: stats.speed * 125_000 for name, stats in psutil.net_if_stats().items() if stats.speed > 0}


class BandwidthMeter:
    """Looks at the interfaces now and again."""

    def __init__(
        self,
        traffic: Callable[[], Mapping[str, Traffic]] = _traffic,
        speeds: Callable[[], Mapping[str, float]] = _speeds,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._traffic = traffic
        self._speeds = speeds
        self._clock = clock
        self._looked_at = clock()
        self._before: Mapping[str, Traffic] = {}
        self._share: float | None = None

    def share(self) -> float | None:
        """0..1: of its speed, what the busiest direction of the busiest interface carried since the last
        look; None at the first look, and where no interface knows its speed."""
        now = self._clock()
        if self._before and now - self._looked_at < _SHORTEST_S:
            return self._share
        traffic, speeds = self._traffic(), self._speeds()
        shares = [
            _carried(self._before[name], traffic[name]) / (speed * (now - self._looked_at))
            for name, speed in speeds.items()
            if name in traffic and name in self._before
        ]
        self._share = min(1.0, max(shares)) if shares else None
        self._before, self._looked_at = traffic, now
        return self._share


def _carried(before: Traffic, after: Traffic) -> int:
    """Bytes in the busier direction; 0 when the interface was made anew meanwhile."""
    return max(after.bytes_sent - before.bytes_sent, after.bytes_recv - before.bytes_recv, 0)
