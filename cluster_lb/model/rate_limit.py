"""A rate limit of the cluster, in numbers: what it allows, and how far nodes may go on their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: What holds while Redis is away: everything passes, nothing passes, or each node holds its share.
OnLoss = Literal["open", "closed", "local"]

BLOCK_S = 0.1  # a node may hold what the limit yields in so long, or a quarter of its share of the burst
FREE_CREDIT = 6  # of a small burst: the connections that a browser opens at once


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`requests` in each `window_s` seconds, for each key: a bucket of `burst` tokens, full at first, one for
    each request, that refills at an even pace."""

    name: str
    requests: int
    window_s: int
    burst: int
    on_redis_loss: OnLoss = "local"

    @property
    def interval_s(self) -> float:
        """What one token takes to come back."""
        return self.window_s / self.requests

    def credit(self, members: int) -> int:
        """Requests on one key that one of so many nodes may let pass before Redis heard of them: a quarter of
        its share of the burst, but a small share whole."""
        share = self.burst // members
        return max(1, share // 4, min(share, FREE_CREDIT))

    def most_held(self, members: int) -> int:
        """Tokens of one key that one of so many nodes may hold."""
        return max(1, self.burst // members // 4, round(BLOCK_S / self.interval_s))

    def slack(self, members: int) -> int:
        """The bound: in any window of length L, the nodes together let pass at most
        burst + L / interval_s + slack requests of one key."""
        return members * (self.credit(members) + self.most_held(members))


@dataclass(frozen=True, slots=True)
class Denial:
    """A request is over its limit. `retry_s`: when it would not be. `cut_off`: the limit cannot be held
    without Redis, and nothing passes."""

    retry_s: float
    cut_off: bool = False


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of a key's bucket: whole tokens, and seconds until it is full again."""

    remaining: int
    full_in_s: float
