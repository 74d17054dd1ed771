"""All keys of one rate limit on one node, as many as it remembers."""

from __future__ import annotations

from collections.abc import Callable

from cluster_lb.model.lease_queue import LeaseQueue
from cluster_lb.model.rate_limit import Denial, Quota, RateLimit
from cluster_lb.model.token_bucket import TokenBucket

# 10 MB for each limit. nginx remembers 16,000 addresses in each MB of its zones (limit_req_zone).
MAX_KEYS = 32_768


class LimitedKeys:
    """Decides for each request of one limit. `take` is on the path of requests, and never waits.

    `members`: live nodes, this one among them. `allowed`, `denied`: requests so far; `cut_off`: those of
    them that were decided without Redis; `leases`: calls for a key; `tokens`: taken out of shared buckets,
    given back ones included. `now`: monotonic seconds.

    Keys are kept in two generations. A key that is used moves to the young one; when that is full, what is
    still in the old one is forgotten: it was not used while half of MAX_KEYS others were.
    """

    __slots__ = (
        "_now",
        "_old",
        "_young",
        "allowed",
        "credit",
        "cut_off",
        "denied",
        "leases",
        "limit",
        "members",
        "most_held",
        "queue",
        "tokens",
    )

    def __init__(
        self, limit: RateLimit, queue: LeaseQueue, now: Callable[[], float], members: int = 1
    ) -> None:
        self.limit = limit
        self.queue = queue
        self._now = now
        self._young: dict[str, TokenBucket] = {}
        self._old: dict[str, TokenBucket] = {}
        self.allowed = self.denied = self.cut_off = 0
        self.leases = self.tokens = 0
        self.resize(members)

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def resize(self, members: int) -> None:
        """The cluster has so many nodes from now on."""
        self.members = members
        self.credit = self.limit.credit(members)
        self.most_held = self.limit.most_held(members)

    def take(self, key: str) -> Denial | None:
        """One request on `key`; None: it may pass."""
        bucket = self._young.get(key) or self._find(key)
        if bucket.held > bucket.low:
            bucket.held -= 1
            self.allowed += 1
            return None
        denial = bucket.take(self._now())
        if denial is None:
            self.allowed += 1
        else:
            self.denied += 1
        return denial

    def quota(self, key: str) -> Quota:
        """What is left for `key`, as far as this node knows."""
        bucket = self._young.get(key) or self._find(key)
        available = bucket.available(self._now())
        full_in_s = (self.limit.burst - available) * self.limit.interval_s
        return Quota(bucket.held + max(0, int(available)), full_in_s)

    def _find(self, key: str) -> TokenBucket:
        """The bucket of a key that is not in the young generation, which it joins."""
        bucket = self._old.pop(key, None) or TokenBucket(self, key)
        if len(self._young) >= MAX_KEYS // 2:
            self._old, self._young = self._young, {}
        self._young[key] = bucket
        return bucket
