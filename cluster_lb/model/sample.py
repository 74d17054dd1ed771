"""A sample: what one node's traffic saw of a server since it last told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """Failures of one kind in a row. `broken`: something else came in between since it was last told;
    `length`: failures since then."""

    broken: bool
    length: int


@dataclass(frozen=True, slots=True)
class Sample:
    """Attempts that ended well and those that did not; runs of 5xx, of gateway failures (502 to 504) and of
    local origin failures (no connection, no answer, no whole one). `busy_ms`: the time that attempts were in
    flight, added up: divided by their number it is their mean latency (Little's law)."""

    ok: int
    failed: int
    http_5xx: Run
    gateway_failure: Run
    local_origin_failure: Run
    busy_ms: int = 0
