"""What holds for the attempts of an exchange: its pool's settings, changed by its route."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cluster_lb.settings.retries import RetryRules
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
        response_s = settings.timeouts.response_s
        rules = cls(settings.attempts, frozenset(), frozenset(), False, response_s, response_s)
        return rules.with_retries(settings.retries)

    def with_retries(self, retries: RetryRules) -> Rules:
        """The same with other words on repeats."""
        return replace(
            self,
            retry_on=frozenset(retries.on),
            retry_statuses=statuses_of(retries),
            retry_non_idempotent=retries.non_idempotent,
            try_timeout_s=retries.try_timeout_s or self.response_timeout_s,
        )


def statuses_of(retries: RetryRules) -> frozenset[int]:
    """The statuses whose responses may be repeated."""
    return frozenset(int(word) for word in retries.on if word.isdigit())
