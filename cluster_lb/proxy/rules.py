"""What holds for the attempts of an exchange: its pool's settings, changed by its route."""

from __future__ import annotations

from dataclasses import dataclass

from cluster_lb.settings.schema import PoolSettings


@dataclass(frozen=True, slots=True)
class Rules:
    """`attempts`: at most so many in all. `retry_on`: the words of failures that may be repeated;
    `retry_statuses`: statuses that may. `try_timeout_s`: until a response begins; `response_timeout_s`:
    without a byte of it after that."""

    attempts: int
    retry_on: frozenset[str]
    retry_statuses: frozenset[int]
    retry_non_idempotent: bool
    try_timeout_s: float
    response_timeout_s: float

    @classmethod
    def of(cls, settings: PoolSettings) -> Rules:
        words = frozenset(settings.retries.on)
        response_s = settings.timeouts.response_s
        return cls(
            attempts=settings.attempts,
            retry_on=words,
            retry_statuses=frozenset(int(word) for word in words if word.isdigit()),
            retry_non_idempotent=settings.retries.non_idempotent,
            try_timeout_s=settings.retries.try_timeout_s or response_s,
            response_timeout_s=response_s,
        )
