"""Votes and verdicts: one node's opinion of a server, and the shared one."""

from __future__ import annotations

from dataclasses import dataclass

from cluster_lb.model.availability import Health


@dataclass(frozen=True, slots=True)
class Vote:
    """One node's opinion. `reason` starts with the layer, in HAProxy's words: `L4CON connection refused`."""

    health: Health
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The shared opinion: majority of live votes, with its authors and the epoch that it began."""

    health: Health
    reason: str
    authors: tuple[str, ...]
    epoch: int
    at_ms: int
