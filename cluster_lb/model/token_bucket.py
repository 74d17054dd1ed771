"""One key of a rate limit on one node: what may pass now, and what to ask of the shared bucket.

The bucket is in Redis. A node serves from two things that it has at hand:

    held     tokens that it took ahead and that nobody else gets: for keys with many requests
    credit   a few requests that pass before Redis heard of them, as far as the bucket was last known to
             have tokens for them; the next call charges them, whatever there is

So no request waits. What many nodes let pass at once beyond the bucket is at most the credit of each, and
is charged: the bucket then owes, and nothing passes until it has refilled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluster_lb.model.rate_limit import Denial

if TYPE_CHECKING:
    from cluster_lb.model.limited_keys import LimitedKeys

AHEAD_S = 0.5  # what is taken ahead lasts about so long: two calls a second, where the limit's size allows it
GROWTH = 8  # what is taken ahead is at most so many times the time before
GAP_S = 0.1  # after an empty bucket, the next call
LATE_S = 0.1  # an answer that takes longer counts as none: Redis answers within a millisecond
IDLE_S = 1.0  # tokens that nobody used for so long are given back


@dataclass(frozen=True, slots=True)
class Lease:
    """What one call asks for a key. `spent`: passed on credit, to be charged; `returned`: not used; `wanted`:
    to be held, as far as there are any."""

    spent: int
    returned: int
    wanted: int


class TokenBucket:
    """`key` of the limit that `owner` keeps. `held`: tokens at hand; above `low` a request takes one and
    nothing else happens. Times are monotonic seconds."""

    __slots__ = (
        "_asked_at",
        "_available",
        "_base",
        "_heard_at",
        "_idle_mark",
        "_idle_since",
        "_local_full_at",
        "_not_before",
        "_others",
        "_request_at",
        "_sent",
        "_size",
        "_spent",
        "asked",
        "held",
        "key",
        "low",
        "owner",
    )

    def __init__(self, owner: LimitedKeys, key: str) -> None:
        self.owner = owner
        self.key = key
        self.held = 0
        self.low = 0
        self.asked = False  # a call is due or under way
        self._asked_at = 0.0
        self._available = float(owner.limit.burst)  # in the shared bucket, when last heard of it
        self._heard_at = -math.inf
        self._spent = 0  # on credit, not charged yet
        self._sent = 0  # of these, in the call under way
        self._base = 0  # what was held after the last call
        self._others = 0  # requests since the last call that took no token that was held
        self._request_at = -math.inf
        self._not_before = -math.inf
        self._size = 1  # taken ahead last
        self._idle_mark = 0
        self._idle_since = -math.inf
        self._local_full_at = -math.inf

    def __repr__(self) -> str:
        return f"<TokenBucket {self.key!r} held={self.held} spent={self._spent} available={self._available}>"

    def available(self, now: float) -> float:
        """Tokens in the shared bucket as far as this node knows, less what it has to charge."""
        limit = self.owner.limit
        refilled = self._available + (now - self._heard_at) / limit.interval_s
        return min(refilled, limit.burst) - self._spent

    def is_settled(self) -> bool:
        """Whether Redis knows all that passed, and nothing is held."""
        return not (self.held or self._spent)

    # --- requests

    def take(self, now: float) -> Denial | None:
        """One request, when what is held is low. None: it may pass."""
        if self.held > 0:
            self.held -= 1
            self._ask(now)
            return None
        self._others += 1
        if self.owner.queue.is_cut_off() or (self.asked and now - self._asked_at > LATE_S):
            return self._take_cut_off(now)
        available = self.available(now)
        if available < 1:
            return Denial((1 - available) * self.owner.limit.interval_s)
        if not self._ask(now):
            return self._take_cut_off(now)
        if self._spent >= self.owner.credit:
            return Denial(0.0)  # until the call is answered
        self._spent += 1
        return None

    def _ask(self, now: float) -> bool:
        """Have Redis asked, now or when it is time; False when too many keys wait for that already."""
        if self.asked:
            return True
        if now < self._not_before:
            self.owner.queue.watch(self)
            return True
        self.asked = self.owner.queue.add(self)
        self._asked_at = now
        return self.asked

    def _take_cut_off(self, now: float) -> Denial | None:
        """One request that is decided without Redis."""
        owner = self.owner
        owner.cut_off += 1
        if owner.limit.on_redis_loss == "open":
            return None
        if owner.limit.on_redis_loss == "closed":
            return Denial(1.0, cut_off=True)
        # A node's share: a bucket of burst / members tokens, at the rate of requests / members.
        interval = owner.limit.interval_s * owner.members
        full_at = max(self._local_full_at, now) + interval
        over_s = full_at - now - max(interval, owner.limit.burst * owner.limit.interval_s)
        if over_s > 1e-9:
            return Denial(over_s)
        self._local_full_at = full_at
        return None

    # --- calls

    def request(self, now: float) -> Lease:
        """What to ask for."""
        used = self._base - self.held + self._others
        rate = used / max(now - self._request_at, 1e-3)
        target = min(self.owner.most_held, round(rate * AHEAD_S), GROWTH * max(self._size, self._spent))
        returned = wanted = 0
        if self._is_idle(now):
            returned, self.held = self.held, 0
        else:
            wanted = max(0, target - self.held)
        self._request_at = now
        self._base, self._others = self.held, 0
        self._sent = self._spent
        return Lease(self._sent, returned, wanted)

    def deliver(self, lease: Lease, granted: int, available: float, now: float) -> None:
        """The answer to `lease`: tokens granted, and what is left in the shared bucket; negative: it owes."""
        self.asked = False
        self._spent -= self._sent
        self._sent = 0
        self.held += granted
        self._base += granted
        self.low = self.held // 2
        self._size = max(1, granted)
        self._available = available
        self._heard_at = now
        if granted < lease.wanted or available < 1:
            self._not_before = now + GAP_S
        self._idle_mark, self._idle_since = self.held, now
        if not self.is_settled():
            self.owner.queue.watch(self)

    def fail(self) -> None:
        """There was no answer: what was to be charged is charged by a later call, what was given back is
        lost."""
        self.asked = False
        self._sent = 0
        if not self.is_settled():
            self.owner.queue.watch(self)

    def check(self, now: float) -> None:
        """The timer: have charged what no further request will, and given back what is not used."""
        if self._spent or (self.held and self._is_idle(now)):
            self._ask(now)
        if self.held != self._idle_mark:
            self._idle_mark, self._idle_since = self.held, now

    def _is_idle(self, now: float) -> bool:
        return self.held == self._idle_mark and now - self._idle_since >= IDLE_S and not self._spent
