"""The figures of a report that balancing goes by, and which values of them can be true."""

from __future__ import annotations

import math

#: Figure -> the greatest value that can be true; 0 is the least.
GREATEST = {
    "cpu": 1.0,
    "memory": 1.0,
    "bandwidth": 1.0,
    "load_average": 1e4,  # of the last minute, per core
    "in_flight": 1e6,
}


def is_usable(name: str, value: float) -> bool:
    """Whether a reported value can be true. Figures of other names are shown and not judged, as long as they
    are finite."""
    return math.isfinite(value) and (name not in GREATEST or 0 <= value <= GREATEST[name])
