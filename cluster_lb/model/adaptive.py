"""Adaptive weights: the factor (10 % .. 100 %) by which a server's weight is cut while it is hotter than the
others.

Utilisation u of a server is the greatest of cpu (where that is not reported: load_average), bandwidth and
memory pressure, which begins at 80 % of the memory: memory that is merely in use does not follow the load.
The pool's u is the mean over the servers that have (nearly) their full weight. With each report

    distance = u - pool's u, less a dead band of 0.05 to both sides; what is beyond 0.15 counts twice
    factor  *= 1 - 0.4 x distance                      at most 30 % down, 10 % up

which settles where all are equally busy, whatever part of the load follows the weight. Slowness counts in
halves: a server whose latency (as the nodes see it), or whose requests in flight for its weight, is above
twice the pool's median is at a distance of 0.25 x log2(ratio / 2), at most 0.5; above 1.5 times, its factor
does not rise. Without any figure, or with a report older than 30 s, the factor goes back to 100 %.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

MIN_FACTOR = 0.1
NEAR_FULL = 0.9  # such servers are the yardstick
DEAD_BAND = 0.05
FAR = 0.15  # what is beyond it counts twice; the noise of reports hardly ever is
GAIN = 0.4
MAX_FALL = 0.3  # with one report
MAX_RISE = 0.1
MEMORY_FROM = 0.8
SLOW_RATIO = 2.0
HELD_RATIO = 1.5
SLOW_GAIN = 0.25  # distance for each doubling beyond SLOW_RATIO
MAX_SLOW = 0.5
RETURN = 0.1  # how far below the others a server counts of which only its latency is known
DECAY = 0.05  # of a factor without figures, each second
FRESH_MS = 30_000  # of a report; the SDK's default is one each 2 s
LATENCY_FLOOR_MS = 5.0  # a median below it counts as this: differences of a few ms are noise
IN_FLIGHT_FLOOR = 4.0  # likewise


@dataclass(frozen=True, slots=True)
class Measured:
    """One server that takes new exchanges. `figures`: of its report, only usable ones. `latency_ms`: mean of
    what the live nodes see, None: unknown. `heard_ms`: when its last heartbeat came, Redis time."""

    weight: float
    factor: float = 1.0
    heard_ms: float = 0.0
    figures: Mapping[str, float] = field(default_factory=dict)
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What servers are compared with; None: not known of any."""

    utilisation: float | None
    latency_ms: float | None
    in_flight: float | None
    mean_weight: float


def adapt(servers: Sequence[Measured], now_ms: float, last_ms: float) -> list[tuple[float, str]]:
    """The new factor of each server, and why. Only reports that came after `last_ms` move a factor: a report
    acts once."""
    if not servers:
        return []
    top = max(server.factor for server in servers)  # somebody has all of its weight, whoever left
    servers = [replace(server, factor=server.factor / top) for server in servers]
    yardstick = _yardstick(servers, now_ms)
    moved = [_moved(server, yardstick, now_ms, last_ms) for server in servers]
    return [(_rounded(max(factor, MIN_FACTOR)), why) for factor, why in moved]


def utilisation(figures: Mapping[str, float]) -> tuple[str, float] | None:
    """The greatest of what is reported, with its name; None: neutral."""
    found: list[tuple[str, float]] = []
    if "cpu" in figures:
        found.append(("cpu", figures["cpu"]))
    elif "load_average" in figures:
        found.append(("load average", min(figures["load_average"], 1.0)))
    if "bandwidth" in figures:
        found.append(("bandwidth", figures["bandwidth"]))
    if figures.get("memory", 0.0) > MEMORY_FROM:
        found.append(("memory pressure", (figures["memory"] - MEMORY_FROM) / (1 - MEMORY_FROM)))
    return max(found, key=lambda pair: pair[1]) if found else None


def _yardstick(servers: Sequence[Measured], now_ms: float) -> Yardstick:
    fresh = [server for server in servers if _is_fresh(server, now_ms)]
    full = [u[1] for s in fresh if s.factor >= NEAR_FULL and (u := utilisation(s.figures))]
    mean_weight = sum(server.weight for server in servers) / len(servers)
    return Yardstick(
        utilisation=sum(full) / len(full) if full else None,
        latency_ms=_median([s.latency_ms for s in fresh if s.latency_ms is not None]),
        in_flight=_median([_queue(s, mean_weight) for s in fresh if "in_flight" in s.figures]),
        mean_weight=mean_weight,
    )


def _moved(server: Measured, yardstick: Yardstick, now_ms: float, last_ms: float) -> tuple[float, str]:
    distance, why = _distance(server, yardstick)
    if not _is_fresh(server, now_ms) or distance is None:
        return min(1.0, server.factor + DECAY), "no report"
    if server.heard_ms <= last_ms:
        return server.factor, why
    move = max(-MAX_RISE, min(MAX_FALL, GAIN * distance))
    return min(1.0, server.factor * (1 - move)), why


def _distance(server: Measured, yardstick: Yardstick) -> tuple[float | None, str]:
    """How far the server is above the others, 0 within the dead band, and what says so; None: unknown."""
    distance, why = None, ""
    busy = utilisation(server.figures)
    if busy and yardstick.utilisation is not None:
        above = busy[1] - yardstick.utilisation
        counts = max(abs(above) - DEAD_BAND, 0.0) + max(abs(above) - FAR, 0.0)
        distance = math.copysign(counts, above)
        why = f"{busy[0]} {busy[1]:.2f} against {yardstick.utilisation:.2f}"
    ratio, slow_why = _slowness(server, yardstick)
    if ratio is None:
        return distance, why
    if ratio > SLOW_RATIO:
        slow = min(MAX_SLOW, SLOW_GAIN * math.log(ratio / SLOW_RATIO) / math.log(2))
        if distance is None or slow > distance:
            return slow, slow_why
        return distance, why
    if distance is None:
        return (0.0 if ratio > HELD_RATIO else -RETURN), slow_why
    return (max(distance, 0.0) if ratio > HELD_RATIO else distance), why


def _slowness(server: Measured, yardstick: Yardstick) -> tuple[float | None, str]:
    """The greater ratio to a median, and what says so."""
    ratio, why = None, ""
    if server.latency_ms is not None and yardstick.latency_ms is not None:
        ratio = server.latency_ms / max(yardstick.latency_ms, LATENCY_FLOOR_MS)
        why = f"latency {server.latency_ms:.1f} ms against {yardstick.latency_ms:.1f} ms"
    if "in_flight" in server.figures and yardstick.in_flight is not None:
        queue = _queue(server, yardstick.mean_weight)
        crowding = queue / max(yardstick.in_flight, IN_FLIGHT_FLOOR)
        if ratio is None or crowding > ratio:
            ratio, why = crowding, f"in flight {queue:.0f} against {yardstick.in_flight:.0f}"
    return ratio, why


def _queue(server: Measured, mean_weight: float) -> float:
    """What is in flight on it, as if it had the pool's mean weight."""
    return server.figures["in_flight"] * mean_weight / server.weight


def _is_fresh(server: Measured, now_ms: float) -> bool:
    return now_ms - server.heard_ms <= FRESH_MS


def _median(values: Sequence[float]) -> float | None:
    """The lower one of two: of two servers, the slow one is compared with the other."""
    return sorted(values)[(len(values) - 1) // 2] if values else None


def _rounded(factor: float) -> float:
    return math.floor(factor * 10_000 + 0.5) / 10_000
