"""What a backend reports of its machine with each heartbeat."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import psutil

from cluster_lb.sdk.bandwidth import BandwidthMeter

Report = Callable[[], Mapping[str, float]]
"""Returns figures by name; called in the event loop before each heartbeat, so it must not block."""


_meter = BandwidthMeter()


def system_report() -> dict[str, float]:
    """The machine's load, without waiting for a sample.

    `cpu` (0..1 of all cores, since the call before in this thread; 0.0 at the first), `memory` (0..1, the
    part that is not available), `load_average` (of the last minute, per core: 1.0 is fully busy), `bandwidth`
    (0..1 of the busiest interface, since the call before; only where its speed is known).
    """
    figures = {
        "cpu": psutil.cpu_percent(interval=None) / 100,
        "memory": psutil.virtual_memory().percent / 100,
        "load_average": psutil.getloadavg()[0] / (psutil.cpu_count() or 1),
    }
    bandwidth = _meter.share()
    return figures if bandwidth is None else figures | {"bandwidth": bandwidth}


def checked_figures(figures: Mapping[str, float]) -> dict[str, float]:
    """`figures` as plain floats; ValueError or TypeError for one that is not a finite number."""
    floats = {name: float(value) for name, value in figures.items()}
    for name, value in floats.items():
        if not math.isfinite(value):
            raise ValueError(f"{name} is {value}")
    return floats
