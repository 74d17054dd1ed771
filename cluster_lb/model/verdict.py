"""Votes and verdicts: one node's opinion of a server, and the shared one."""

from __future__ import annotations

from dataclasses import dataclass, field

from cluster_lb.model.availability import Health


@dataclass(frozen=True, slots=True)
class Vote:
    """One node's opinion. `reason` starts with the layer, in HAProxy's words: `L4CON connection refused`.
    `at_ms`: when Redis had it last, 0 for one on its way there."""

    health: Health
    reason: str
    at_ms: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The shared opinion: majority of live votes, with its authors and the epoch that it began. `flips`: in
    the window of flap damping, this one among them. `held_until_ms`: it must wait for UP until then, for it
    flipped too often; 0: it need not. All times are Redis'."""

    health: Health
    reason: str
    authors: tuple[str, ...]
    epoch: int
    at_ms: int
    flips: int = 0
    held_until_ms: int = 0
