"""What holds for the attempts of an exchange: its pool's settings, changed by its route."""

from __future__ import annotations

from dataclasses import dataclass

from cluster_lb.settings.schema import PoolSettings


@dataclass(frozen=True, slots=True)
class Rules:
    """`attempts`: at most so many in all. `response_timeout_s`: without a byte from the server."""

    attempts: int
    response_timeout_s: float

    @classmethod
    def of(cls, settings: PoolSettings) -> Rules:
        return cls(attempts=settings.attempts, response_timeout_s=settings.timeouts.response_s)
