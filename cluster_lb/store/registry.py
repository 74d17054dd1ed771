"""The registry: which servers a pool has, and what operators said of them."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass, replace

from cluster_lb.errors import InvalidValueError, NotFoundError
from cluster_lb.model.address import Address
from cluster_lb.model.availability import AdminState
from cluster_lb.model.names import check_id, check_pool_name
from cluster_lb.model.server import ServerRecord, check_weight
from cluster_lb.store.client import Store
from cluster_lb.store.readings import PoolReader, PoolReading
from cluster_lb.store.scripts import load
from cluster_lb.store.verdicts import Verdicts

__all__ = ["DEFAULT_LEASE_MS", "PoolReading", "Registry", "SweepResult"]

_REGISTER = load("register_server")
_REMOVE = load("remove_server")
_MARK = load("mark_server")
_SWEEP = load("sweep_pool")

DEFAULT_LEASE_MS = 6000  # uWSGI 17 s, Nacos 15 s, Eureka 90 s; three heartbeats of 2 s
MIN_LEASE_MS = 300
MAX_LEASE_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class SweepResult:
    """`retired`: left the pool; `stale`: newly kept although their lease ended (most servers of the pool
    are cut off at once); `held`: leases ended, and none is retired because Redis itself was away;
    `registered`: servers before the sweep."""

    retired: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    held: bool = False
    registered: int = 0


class Registry:
    """Servers of pools. Calls raise StoreUnavailableError or StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reader = PoolReader(store)
        self._verdicts = Verdicts(store)
        self._allow: dict[
            str, str
        ] = {}  # pool -> its `allow` as last seen; the script tells when it is another
        self._listed: set[str] = set()  # pools that this process put into the set of pool names
        store.on_up.append(self._listed.clear)

    async def register(
        self, pool: str, record: ServerRecord, ttl_ms: int = DEFAULT_LEASE_MS, *, may_create: bool = True
    ) -> int:
        """Register a server or renew its lease; returns the pool's epoch. The pool is created with the
        defaults when nobody configured it. InvalidValueError: bad name, lease, or an address outside
        the pool's `allow`; NotFoundError: no such pool, and `may_create` is False."""
        check_pool_name(pool)
        if not MIN_LEASE_MS <= ttl_ms <= MAX_LEASE_MS:
            raise InvalidValueError(f"lease {ttl_ms} ms: must be in {MIN_LEASE_MS}..{MAX_LEASE_MS}")
        while True:
            allow = self._allow.get(pool, "")
            try:
                _check_allowed(pool, record.address, allow)
            except InvalidValueError:
                if await self._allow_is_still(pool, allow):
                    raise
                continue
            status, *rest = await self._run_register(pool, record, ttl_ms, may_create, allow)
            if status == 0:
                raise NotFoundError(f"pool {pool!r} does not exist")
            if status == -1:
                self._allow[pool] = str(rest[0])
                continue
            epoch, created = int(rest[0]), bool(rest[1])
            if created or pool not in self._listed:
                await self._store.call("SADD", self._store.keys.pools, pool)
                self._listed.add(pool)
            return epoch

    async def _allow_is_still(self, pool: str, allow: str) -> bool:
        """Whether `allow` is in force; what is in force is remembered."""
        in_force = await self._store.call("HGET", self._store.keys.pool(pool).config, "allow") or ""
        self._allow[pool] = in_force
        return bool(in_force == allow)

    async def _run_register(
        self, pool: str, record: ServerRecord, ttl_ms: int, may_create: bool, allow: str
    ) -> list[int | str]:
        keys = self._store.keys.pool(pool)
        reply: list[int | str] = await self._store.run(
            _REGISTER,
            [
                keys.config,
                keys.epoch,
                keys.servers,
                keys.server(record.id),
                keys.verdicts,
                keys.votes(record.id),
                keys.sweep,
                keys.weights,
            ],
            [
                self._store.keys.events,
                pool,
                record.id,
                str(record.address),
                record.weight,
                record.zone,
                ttl_ms,
                int(may_create),
                allow,
                json.dumps(dict(record.report)),
                record.priority,
                record.instance,
                record.state.value,
                record.state_reason,
            ],
        )
        return reply

    async def deregister(self, pool: str, server_id: str) -> bool:
        """The server leaves; True when it was registered. An operator's marks survive for 24 h."""
        return await self._take_out(pool, server_id, keep_marks=True)

    async def remove(self, pool: str, server_id: str) -> None:
        """Forget a server and its marks. A server that still heartbeats comes back. NotFoundError."""
        if not await self._take_out(pool, server_id, keep_marks=False):
            raise NotFoundError(f"pool {pool!r} has no server {server_id!r}")

    async def _take_out(self, pool: str, server_id: str, *, keep_marks: bool) -> bool:
        check_pool_name(pool)
        check_id(server_id, "server")
        keys = self._store.keys.pool(pool)
        return bool(
            await self._store.run(
                _REMOVE,
                [
                    keys.epoch,
                    keys.servers,
                    keys.server(server_id),
                    keys.verdicts,
                    keys.votes(server_id),
                    keys.nodes,
                    keys.load,
                ],
                [self._store.keys.events, pool, server_id, int(keep_marks)],
            )
        )

    async def set_admin_state(self, pool: str, server_id: str, state: AdminState) -> None:
        """Set what the operator wants of a server. NotFoundError when it is unknown."""
        await self._mark(pool, server_id, "admin_state", state.value)

    async def set_weight(self, pool: str, server_id: str, weight: int) -> None:
        """Set the operator's weight, 0..256; it holds whatever the server says. NotFoundError."""
        await self._mark(pool, server_id, "admin_weight", str(check_weight(weight)))

    async def _mark(self, pool: str, server_id: str, field: str, value: str) -> None:
        check_pool_name(pool)
        check_id(server_id, "server")
        keys = self._store.keys.pool(pool)
        known = await self._store.run(
            _MARK,
            [keys.epoch, keys.servers, keys.server(server_id)],
            [self._store.keys.events, pool, server_id, field, value],
        )
        if not known:
            raise NotFoundError(f"pool {pool!r} has no server {server_id!r}")

    async def sweep(self, pool: str) -> SweepResult:
        """Retire the servers whose lease ended, within the rules of the script. Within 900 ms of another
        call, by any node, it does nothing."""
        keys = self._store.keys.pool(pool)
        text = await self._store.run(
            _SWEEP,
            [
                keys.epoch,
                keys.servers,
                keys.server_prefix,
                keys.verdicts,
                keys.votes_prefix,
                keys.nodes,
                keys.load,
                keys.seen,
                keys.sweep,
            ],
            [self._store.keys.events, pool],
        )
        if text is None:
            return SweepResult()
        found = json.loads(text)
        return SweepResult(tuple(found["retired"]), tuple(found["stale"]), found["held"], found["registered"])

    async def pool_names(self) -> list[str]:
        """All pools, in order."""
        return sorted(await self._store.call("SMEMBERS", self._store.keys.pools))

    async def read_pool(self, pool: str) -> PoolReading | None:
        """The whole pool at one moment, and then who votes what on its servers; None without such a pool."""
        reading = await self._reader.read(pool)
        return replace(reading, votes=await self._verdicts.votes(pool)) if reading else None


def _check_allowed(pool: str, address: Address, allow: str) -> None:
    """`allow`: JSON list of networks, as in the pool's config; empty allows all."""
    if not allow:
        return
    try:
        networks = [ipaddress.ip_network(text) for text in json.loads(allow)]
    except (ValueError, TypeError):
        raise InvalidValueError(
            f"pool {pool!r}: `allow` in Redis is {allow!r}, not a list of networks; apply its settings again"
        ) from None
    if networks and not address.is_within(networks):
        allowed = ", ".join(map(str, networks))
        raise InvalidValueError(f"address {str(address)!r}: pool {pool!r} allows {allowed} only")
