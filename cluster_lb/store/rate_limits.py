"""The rate limits of this node: what their keys need is asked of Redis, many keys in one round trip."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

import structlog

from cluster_lb.clock import Clock, SystemClock
from cluster_lb.errors import StoreError, StoreUnavailableError
from cluster_lb.model.lease_queue import LeaseQueue
from cluster_lb.model.limited_keys import LimitedKeys
from cluster_lb.model.rate_limit import RateLimit
from cluster_lb.model.token_bucket import Lease, TokenBucket
from cluster_lb.store.client import Store
from cluster_lb.store.scripts import load

_log = structlog.get_logger("rate_limits")
_LEASE = load("lease_tokens")
GATHER_S = 0.005  # between two round trips: what is needed meanwhile goes together
_PAUSE_S = 1.0  # between attempts that cannot succeed yet


class SharedLimits:
    """All limits by name. `run` asks for what is needed; `check` is to be called a few times a second."""

    def __init__(self, store: Store, *, clock: Clock | None = None) -> None:
        self.by_name: dict[str, LimitedKeys] = {}
        self._store = store
        self._clock = clock or SystemClock()
        self._needed = asyncio.Event()
        self._queue = LeaseQueue(self._needed.set, self._is_cut_off)
        self._members = 1
        self._refused = False  # Redis answers, but not what is asked
        self._told = ""  # the problem that the log names already, until the next answer

    def ensure(self, limit: RateLimit) -> LimitedKeys:
        """The keys of `limit`. One that changed begins anew on this node; what Redis knows of it holds."""
        found = self.by_name.get(limit.name)
        if found is None or found.limit != limit:
            found = LimitedKeys(limit, self._queue, self._clock.monotonic, self._members)
            self.by_name[limit.name] = found
        return found

    def retain(self, names: Collection[str]) -> None:
        """Forget the limits that are not among `names`."""
        for name in self.by_name.keys() - set(names):
            del self.by_name[name]

    def resize(self, members: int) -> None:
        """The cluster has so many nodes; 0, as before the first contact, counts as 1."""
        self._members = max(1, members)
        for keys in self.by_name.values():
            keys.resize(self._members)

    def check(self, now: float) -> None:
        """The timer; `now` in monotonic seconds."""
        if self._is_cut_off():
            self._tell("redis is away")
        self._queue.check(now)

    async def run(self) -> None:
        """Ask as it is needed, for ever. An outage of Redis is waited out."""
        await self._store.wait_up()
        while True:
            await self._needed.wait()
            self._needed.clear()
            while batch := self._queue.next_batch():
                await self._ask(batch)
                await asyncio.sleep(GATHER_S)

    def _is_cut_off(self) -> bool:
        return self._refused or not self._store.up

    async def _ask(self, batch: Sequence[TokenBucket]) -> None:
        try:
            await self._lease(batch)
        except StoreUnavailableError:
            self._fail(batch, "redis is away")
            await self._store.wait_up()
        except StoreError as error:
            self._refused = True
            self._fail(batch, str(error))
            await asyncio.sleep(_PAUSE_S)
            self._refused = False
        else:
            self._told = ""

    def _fail(self, batch: Sequence[TokenBucket], problem: str) -> None:
        self._tell(problem)
        for bucket in batch:
            bucket.fail()

    def _tell(self, problem: str) -> None:
        if self.by_name and not self._told:
            self._told = problem
            modes = {name: keys.limit.on_redis_loss for name, keys in self.by_name.items()}
            _log.warning("rate limits are decided without redis", problem=problem, on_redis_loss=modes)

    async def _lease(self, batch: Sequence[TokenBucket]) -> None:
        now = self._clock.monotonic()
        leases = [bucket.request(now) for bucket in batch]
        calls = [
            (self._store.keys.rate(bucket.owner.limit.name, bucket.key), _arguments(bucket, lease))
            for bucket, lease in zip(batch, leases, strict=True)
        ]
        replies = await self._store.run_each(_LEASE, calls)
        now = self._clock.monotonic()
        for bucket, lease, (granted, thousandths) in zip(batch, leases, replies, strict=True):
            bucket.owner.leases += 1
            bucket.owner.tokens += granted
            bucket.deliver(lease, granted, thousandths / 1000, now)


def _arguments(bucket: TokenBucket, lease: Lease) -> list[str | int | float]:
    owner = bucket.owner
    limit = owner.limit
    credit = owner.members * owner.credit
    return [limit.interval_s * 1000, limit.burst, credit, lease.spent, lease.returned, lease.wanted]
