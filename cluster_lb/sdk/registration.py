"""A backend's place in a pool, for asyncio programs: register, heartbeat, drain, leave.

Redis is never in the way of the backend: while it is away the registration waits here, and is written as
soon as it is back. What is wrong with the arguments themselves is raised at once.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import secrets
from collections.abc import Coroutine, Mapping
from typing import Any, Self

from cluster_lb.errors import StoreError, StoreUnavailableError
from cluster_lb.model.names import check_pool_name
from cluster_lb.model.server import ServerRecord
from cluster_lb.sdk.heartbeat import Heartbeat
from cluster_lb.sdk.logs import use_stdlib_logging
from cluster_lb.sdk.options import (
    DRAIN_S,
    TTL_S,
    checked_namespace,
    checked_record,
    checked_timing,
    from_environment,
    with_state,
)
from cluster_lb.sdk.report import Report, checked_figures, system_report
from cluster_lb.store import embedded
from cluster_lb.store.client import Store
from cluster_lb.store.registry import Registry
from cluster_lb.tasks import TaskSet

_log = logging.getLogger("cluster_lb.sdk")


class Registration:
    """Holds `address` in `pool` from `start` until `leave` or `drain`, or for an `async with` block.

    `redis`: a URL, or `embedded` (default: $CLUSTER_LB_REDIS, else `embedded`) · `namespace`: of the keys
    (default: $CLUSTER_LB_NAMESPACE, else `lb`) · `id`: default the address · `weight`: 0..256 ·
    `priority`: 0 for a primary, 1..128 for a backup, the lower the sooner it serves ·
    `ttl_s`: the lease; without a heartbeat for so long the server leaves the pool (at least 1 s) ·
    `heartbeat_s`: default a third of it · `drain_s`: how long `drain` waits · `report`: called before
    each heartbeat, returns figures by name; None: no report.

    Raises InvalidValueError for each of them that cannot be accepted. `in_flight` is for the program to
    keep: how many requests it works on; it goes into the report.
    """

    def __init__(
        self,
        pool: str,
        address: str,
        *,
        redis: str | None = None,
        id: str | None = None,
        weight: int = 1,
        zone: str = "",
        priority: int = 0,
        ttl_s: float = TTL_S,
        heartbeat_s: float | None = None,
        drain_s: float = DRAIN_S,
        namespace: str | None = None,
        report: Report | None = system_report,
    ) -> None:
        self.pool = check_pool_name(pool)
        self.in_flight = 0
        self._record = checked_record(address, id, weight, zone, priority)
        self._instance = secrets.token_hex(4)
        self._timing = checked_timing(ttl_s, heartbeat_s, drain_s)
        self._redis = from_environment(redis, "CLUSTER_LB_REDIS", "embedded")
        self._namespace = checked_namespace(from_environment(namespace, "CLUSTER_LB_NAMESPACE", "lb"))
        self._report = report
        self._report_failed = False
        self._store: Store | None = None
        self._heartbeat: Heartbeat | None = None
        self._tasks = TaskSet()
        self._departures = TaskSet()  # go on when nobody waits for them any more
        self._moving = asyncio.Lock()  # a start that overtook the leave would register for good

    @property
    def id(self) -> str:
        return self._record.id

    @property
    def address(self) -> str:
        return str(self._record.address)

    @property
    def drain_s(self) -> float:
        return self._timing.drain_s

    @property
    def registered(self) -> bool:
        """Whether the last heartbeat was accepted."""
        return self._heartbeat is not None and self._heartbeat.accepted

    async def start(self) -> None:
        """Register, and keep registered in the background. When Redis does not answer (in 0.5 s), return
        all the same: the server is registered as soon as Redis is back. Cancelled, it takes back what it may
        have sent.

        Raises InvalidValueError when the pool refuses the address, or the URL cannot be understood;
        StoreError when there is no embedded server and none can be started.
        """
        use_stdlib_logging()
        async with self._moving:
            await self._start()

    async def _start(self) -> None:
        store = Store.from_url(await self._url(), self._namespace)
        await store.__aenter__()
        heartbeat = Heartbeat(Registry(store), self.pool, self._timing, self._record_now)
        try:
            await heartbeat.first()
        except asyncio.CancelledError:  # what was sent may have registered it
            await self._to_the_end(self._depart(store, heartbeat))
            raise
        except BaseException:
            await store.close()
            raise
        self._store, self._heartbeat = store, heartbeat
        store.on_up.append(heartbeat.hasten)
        self._tasks.start(heartbeat.run(), f"heartbeat {self.id}")

    def update(
        self, *, weight: int | None = None, zone: str | None = None, priority: int | None = None
    ) -> None:
        """Change what the server says of itself; sent at once. An operator's weight stays in force."""
        record = self._record
        weight = record.weight if weight is None else weight
        zone = record.zone if zone is None else zone
        priority = record.priority if priority is None else priority
        changed = checked_record(str(record.address), record.id, weight, zone, priority)
        self._record = with_state(changed, record.state, record.state_reason)
        if self._heartbeat is not None:
            self._heartbeat.hasten()

    def report_state(self, state: str, reason: str = "") -> None:
        """Say how the server is, in one word, with a reason in one line; sent at once, and with each
        heartbeat from then on. `up`; `busy`: new requests only where most of the others are busy too;
        `drain`: none but those that belong to it; `down`: none. InvalidValueError for another word."""
        self._record = with_state(self._record, state, reason)
        if self._heartbeat is not None:
            self._heartbeat.hasten()

    async def leave(self) -> bool:
        """Leave the pool at once, or as soon as a start that is under way is done. False when Redis did not
        hear of it: then the lease ends by itself. Cancelling ends the wait alone: the leave is still sent,
        while the loop runs (asyncpg and SQLAlchemy give connections back in this way)."""
        return await self._to_the_end(self._leave())

    async def _to_the_end(self, departure: Coroutine[Any, Any, bool]) -> bool:
        left: bool = await asyncio.shield(self._departures.start(departure, f"leave of {self.id}"))
        return left

    async def _leave(self) -> bool:
        async with self._moving:
            if self._store is None or self._heartbeat is None:
                return False
            store, heartbeat = self._store, self._heartbeat
            self._store = self._heartbeat = None
            return await self._depart(store, heartbeat)

    async def _depart(self, store: Store, heartbeat: Heartbeat) -> bool:
        try:
            return await heartbeat.leave(self.id)
        except StoreError as error:
            _log.warning("%s left pool %s unheard, its lease ends by itself: %s", self.id, self.pool, error)
            return False
        finally:
            await self._tasks.stop()
            await store.close()

    async def drain(self) -> None:
        """Leave the pool and return after `drain_s`: serve until then, for nodes that do not know yet."""
        if await self.leave():
            await asyncio.sleep(self._timing.drain_s)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.drain()

    async def _url(self) -> str:
        if self._redis != "embedded":
            return self._redis
        try:
            return await embedded.ensure()
        except StoreUnavailableError:  # it is there but frozen: waited for as any other Redis
            return embedded.url()

    def _record_now(self) -> ServerRecord:
        return dataclasses.replace(self._record, report=self._figures(), instance=self._instance)

    def _figures(self) -> Mapping[str, float]:
        if self._report is None:
            return {}
        try:
            figures = checked_figures(self._report())
        except Exception:
            if not self._report_failed:  # the program's own code: without its figures it still serves
                _log.exception("the report of %s failed; registered without its figures", self.id)
            self._report_failed = True
            return {"in_flight": float(self.in_flight)}
        self._report_failed = False
        return {"in_flight": float(self.in_flight), **figures}
