"""A reading: a whole pool as one script saw it at one moment."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from cluster_lb.model.effective_weights import effective_weights
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.model.verdict import Vote
from cluster_lb.settings.schema import PoolSettings
from cluster_lb.store.client import Store
from cluster_lb.store.ejections import read_ejection
from cluster_lb.store.pool_fields import from_fields
from cluster_lb.store.scripts import load
from cluster_lb.store.server_fields import read_server
from cluster_lb.store.sticky_secret import secrets_in_force

_log = structlog.get_logger("store")
_READ = load("read_pool")


@dataclass(frozen=True, slots=True)
class PoolReading:
    """One pool. `created_ms`, `seeds`: when it came into being, and how often nodes gave it back to an
    emptied Redis. `loads`: (node, server id) -> exchanges in flight; `seen`: node -> epoch that it serves;
    both of live nodes only. `raw`: as the script returned it, to give back to an emptied Redis. `votes`:
    server id -> node id -> vote, where they were asked for."""

    snapshot: Snapshot
    settings: PoolSettings
    revision: int
    created_ms: int
    seeds: int
    now_ms: int
    loads: Mapping[tuple[str, str], int]
    seen: Mapping[str, int]
    raw: Mapping[str, Any] = field(repr=False)
    votes: Mapping[str, Mapping[str, Vote]] = field(default_factory=dict)

    @property
    def pool(self) -> str:
        return self.snapshot.pool

    @property
    def epoch(self) -> int:
        return self.snapshot.epoch

    @property
    def origin(self) -> str:
        """Tells this life of the pool from another one with the same epochs."""
        return f"{self.created_ms}/{self.seeds}"

    @property
    def unheard(self) -> frozenset[str]:
        """Nodes that are known, and of which nothing holds: they told nothing yet, or their lease ended and
        nobody has swept them out. As dead ones are swept out each second, these missed Redis."""
        return frozenset(_table(self.raw["nodes"]).keys() - self.seen.keys())

    def in_flight(self, server_id: str) -> int:
        """Exchanges in flight on a server, over all live nodes."""
        return sum(count for (_, server), count in self.loads.items() if server == server_id)


class PoolReader:
    """Reads pools. What is foreign or broken in Redis is left out and named once in a warning."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._named: dict[str, set[str]] = {}

    async def read(self, pool: str, held: PoolReading | None = None) -> PoolReading | None:
        """The pool; `held` itself when it still holds; None when the pool does not exist."""
        keys = self._store.keys.pool(pool)
        text = await self._store.run(
            _READ,
            [
                keys.config,
                keys.epoch,
                keys.servers,
                keys.server_prefix,
                keys.verdicts,
                keys.nodes,
                keys.seen,
                keys.load,
                keys.ejections,
            ],
            [held.epoch, held.origin] if held else [-1, ""],
        )
        if text is None:
            return None
        problems: list[str] = []
        # In a thread: with 1,000 servers it takes tens of ms, and traffic runs in this one.
        reading = await asyncio.to_thread(_parse, pool, text, problems)
        if reading is None:
            return held
        self._name(pool, problems)
        return reading

    def _name(self, pool: str, problems: list[str]) -> None:
        named = self._named.get(pool, set())
        for problem in problems:
            if problem not in named:
                _log.warning("bad contents in redis", pool=pool, problem=problem)
        self._named[pool] = set(problems)


def _parse(pool: str, text: str, problems: list[str]) -> PoolReading | None:
    """What `read_pool` returned; None when it says that the held reading still holds."""
    raw = json.loads(text)
    if "servers" not in raw:
        return None
    reading = parse_reading(pool, raw, problems)
    _ = reading.snapshot.eligible  # it is kept: what everyone asks next is worked out in this thread
    return reading


def parse_reading(pool: str, raw: Mapping[str, Any], problems: list[str]) -> PoolReading:
    """What the JSON of `read_pool` means. Adds a line for each thing that was left out to `problems`."""
    config = raw["config"]
    settings, bad_fields = from_fields(config)
    problems += bad_fields
    now_ms = int(raw["now_ms"])
    live = {node for node, deadline in _table(raw["nodes"]).items() if deadline > now_ms}
    snapshot = Snapshot(
        pool=pool,
        epoch=int(raw["epoch"]),
        policy=settings.policy,
        panic_threshold=settings.panic_threshold,
        servers=_servers(raw, now_ms, problems, settings),
        backup_below=settings.backup_below,
        zones_from=settings.zone_aware.min_servers if settings.zone_aware.enabled else 0,
        sticky_secrets=secrets_in_force(config, settings.sticky),
        balance_factor=settings.balance_factor,
    )
    return PoolReading(
        snapshot=snapshot,
        settings=settings,
        revision=_integer(config.get("revision")),
        created_ms=_integer(config.get("created_ms")),
        seeds=_integer(config.get("seeds")),
        now_ms=now_ms,
        loads=_loads(_table(raw["load"]), live),
        seen={node: _integer(epoch) for node, epoch in _table(raw["seen"]).items() if node in live},
        raw=raw,
    )


def _servers(
    raw: Mapping[str, Any], now_ms: int, problems: list[str], settings: PoolSettings
) -> tuple[Server, ...]:
    """What nodes found out before does not hold where they do not ask any more: a verdict without probes,
    words of agents without agents, an ejection without a rule."""
    verdicts = _table(raw["verdicts"]) if settings.health.judges else {}
    ejections = _table(raw.get("ejections")) if settings.outliers.enabled else {}
    has_agents = settings.health.agent.port != 0
    servers = []
    for server_id, entry in sorted(_table(raw["servers"]).items()):
        lease_ms = int(entry["deadline_ms"]) - now_ms
        fields = _table(entry["fields"])
        if not has_agents:
            fields = {name: text for name, text in fields.items() if not name.startswith("agent_")}
        server = read_server(server_id, fields, verdicts.get(server_id), lease_ms, problems)
        if server is not None:
            ejection = read_ejection(server, ejections.get(server_id), problems)
            servers.append(replace(server, ejection=ejection) if ejection else server)
    if all(server.percent == 100 for server in servers):
        return tuple(servers)
    in_force = effective_weights([s.advised_weight for s in servers], [s.percent for s in servers])
    return tuple(replace(s, effective_weight=w) for s, w in zip(servers, in_force, strict=True))


def _loads(fields: Mapping[str, str], live: set[str]) -> dict[tuple[str, str], int]:
    loads: dict[tuple[str, str], int] = {}
    for name, text in fields.items():
        node, _, server_id = name.partition("/")
        if node in live and (count := _integer(text)) > 0:
            loads[node, server_id] = count
    return loads


def _table(value: Any) -> dict[str, Any]:
    """Lua cannot tell an empty object from an empty list."""
    return value if isinstance(value, dict) else {}


def _integer(text: object) -> int:
    try:
        return int(str(text))
    except ValueError:
        return 0
