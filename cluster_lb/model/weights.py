"""The percent (1..100) of its weight that each server of a pool has in force: slow start x adaptive factor.

The script `adjust_weights` decides it once for the cluster; this is the same arithmetic, for simulations and
for the tests that compare both. Percents are multiples of 5 from 50 on, and that of a warm server is replaced
only when it is off by a tenth: few epochs, few distinct weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cluster_lb.model.adaptive import Measured, adapt
from cluster_lb.model.slow_start import Ramp, least_part

PERCENT_STEP = 5
STEPS_FROM = 50


@dataclass(frozen=True, slots=True)
class Weighed:
    """One server. `takes`: new exchanges, whatever its percent. `since_ms`: registered, or up again.
    `warming_from_ms`: 0: it is warm."""

    id: str
    measured: Measured
    takes: bool = True
    percent: int = 100
    since_ms: float = 0.0
    warming_from_ms: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the pool's settings say."""

    ramp: Ramp = field(default_factory=Ramp)
    adaptive: bool = False


@dataclass(frozen=True, slots=True)
class Adjustment:
    """The servers as they are now, in their order. `entry_percent`: with which a server begins that comes
    next; None: with all of its weight, because there is no slow start, or nobody to take over meanwhile."""

    servers: tuple[Weighed, ...]
    entry_percent: float | None


def adjust(servers: Sequence[Weighed], rules: Rules, now_ms: float, last_ms: float) -> Adjustment:
    """One step, about a second after the one at `last_ms`."""
    parts = _parts(servers, rules.ramp, now_ms)
    factors = _factors(servers, rules, now_ms, last_ms)
    adjusted = tuple(_adjusted(server, parts.get(server.id), factors[server.id]) for server in servers)
    return Adjustment(adjusted, _entry_percent(servers, rules.ramp, now_ms))


def rounded_percent(exact: float) -> int:
    """The nearest one that is published."""
    if exact < STEPS_FROM:
        return max(1, math.floor(exact + 0.5))
    return math.floor(exact / PERCENT_STEP + 0.5) * PERCENT_STEP


def _is_off(exact: float, present: int) -> bool:
    return exact >= 100 or abs(exact - present) >= max(1.0, present / 10)


def _adjusted(server: Weighed, warming: tuple[float, str] | None, adapted: tuple[float, str]) -> Weighed:
    part, part_why = warming or (1.0, "")
    factor, factor_why = adapted
    exact = 100 * part * factor
    percent = rounded_percent(exact) if warming or _is_off(exact, server.percent) else server.percent
    reason = server.reason
    if percent == 100:
        reason = ""
    elif percent != server.percent:
        reason = ", ".join(why for why in (part_why, factor_why if factor < 1 else "") if why)
    return replace(
        server,
        measured=replace(server.measured, factor=factor),
        percent=percent,
        warming_from_ms=server.warming_from_ms if warming else 0.0,
        reason=reason,
    )


def _parts(servers: Sequence[Weighed], ramp: Ramp, now_ms: float) -> dict[str, tuple[float, str]]:
    """Server id -> the part that slow start leaves of its weight, and why; of those that warm up. Without a
    warm server nobody does: there would be none to take over."""
    warming = [s for s in servers if s.warming_from_ms and now_ms - s.warming_from_ms < ramp.duration_ms]
    slow = sum(s.measured.weight for s in warming if s.takes)
    warm = sum(s.measured.weight for s in servers if s.takes) - slow
    if warm <= 0:
        return {}
    least = _stepped_up(least_part(warm, slow)) if slow else 0.0
    parts = {}
    for server in warming:
        elapsed_ms = now_ms - server.warming_from_ms
        why = f"slow start {math.floor(elapsed_ms / 1000)} s of {ramp.duration_ms / 1000:g}"
        parts[server.id] = (min(1.0, max(ramp.part(elapsed_ms), least)), why)
    return parts


def _stepped_up(part: float) -> float:
    """So that the rounding of percents does not undo the cap."""
    return math.ceil(part * 100 / PERCENT_STEP - 1e-9) * PERCENT_STEP / 100


def _factors(
    servers: Sequence[Weighed], rules: Rules, now_ms: float, last_ms: float
) -> dict[str, tuple[float, str]]:
    """Server id -> its adaptive factor, and why. One that takes nothing keeps its factor."""
    if not rules.adaptive:
        return {server.id: (1.0, "") for server in servers}
    taking = [server for server in servers if server.takes]
    adapted = adapt([server.measured for server in taking], now_ms, last_ms)
    factors = {server.id: (server.measured.factor, "") for server in servers}
    return factors | {server.id: found for server, found in zip(taking, adapted, strict=True)}


def _entry_percent(servers: Sequence[Weighed], ramp: Ramp, now_ms: float) -> float | None:
    """Somebody must have been in service for a whole warm-up, else the pool itself is starting."""
    settled = any(
        server.takes and not server.warming_from_ms and now_ms - server.since_ms >= ramp.duration_ms
        for server in servers
    )
    return ramp.min_percent if ramp.duration_ms > 0 and settled else None
