"""Every Redis key and channel, spelled here and nowhere else (`ns` is the namespace, default `lb`).

`{pool}` is a hash tag: all keys of a pool share one slot, so every script that touches a pool runs on
Redis Cluster. No script touches keys of two slots.

| key                        | type    | TTL     | holds                                          | written by           | read by        |
| -------------------------- | ------- | ------- | ---------------------------------------------- | -------------------- | -------------- |
| `ns:members`               | ZSET    | -       | node id -> lease deadline, ms of Redis time    | membership           | all nodes      |
| `ns:member:<node>`         | HASH    | lease   | addresses, zone, version, epochs, snapshot age | membership           | get, API       |
| `ns:pools`                 | SET     | -       | pool names                                     | registry, pools      | view           |
| `ns:routes`                | STRING  | -       | JSON: revision, routes                         | pools                | view           |
| `ns:{pool}:config`         | HASH    | -       | created_ms, seeds, revision, secrets of sticky cookies, settings by dotted name | pools, registry, reseed, sticky_secret | view |
| `ns:{pool}:epoch`          | STRING  | -       | integer, rises with each change of the eligible set or of a weight | all scripts that change one | view, tickets |
| `ns:{pool}:tickets`        | STRING  | -       | the shared round-robin counter                 | tickets              | tickets        |
| `ns:{pool}:servers`        | ZSET    | -       | server id -> lease deadline, ms of Redis time  | registry             | view, sweep    |
| `ns:{pool}:server:<id>`    | HASH    | -       | the server's record, state, weight, admin state, report, words of its agent; outlives a server that an operator marked, for 24 h | registry, agents | view |
| `ns:{pool}:verdicts`       | HASH    | -       | server id -> JSON verdict                      | votes                | view           |
| `ns:{pool}:outcomes`       | HASH    | 3 intervals | what real traffic saw: `window`, its number; `total/<id>`, `failed/<id>`, `busy/<id>` of the window; `run/<id>`, failures in a row | outliers | outliers |
| `ns:{pool}:ejections`      | HASH    | -       | server id -> JSON ejection; past ones for an hour | outliers            | view           |
| `ns:{pool}:votes:<id>`     | HASH    | 3 leases | node id -> JSON vote                          | votes                | votes          |
| `ns:{pool}:nodes`          | ZSET    | -       | node id -> lease deadline, ms: whose votes and load count in this pool | loads, votes | votes, view |
| `ns:{pool}:seen`           | HASH    | -       | node id -> epoch that it serves                | loads                | drain          |
| `ns:{pool}:load`           | HASH    | -       | node/server -> exchanges in flight, no zeros   | loads                | view, drain    |
| `ns:{pool}:latency`        | HASH    | 30 s    | node/server -> peak EWMA of its latency, microseconds; where the policy goes by it | loads | loads |
| `ns:{pool}:weights`        | HASH    | 5 s     | at_ms of the last adjustment of the weights, entry_percent: with which a server begins that comes next | adjust_weights | adjust_weights, registry, votes |
| `ns:{pool}:sweep`          | HASH    | -       | at_ms of the last sweep, hold_until_ms, preserve_until_ms | sweep, registry, reseed                | sweep          |
| `ns:rate:<limit>:<key>`    | STRING  | until full | when a bucket of a rate limit is full again, ms of Redis time; absent: it is full | rate_limits | rate_limits |
| `ns:events`                | channel | -       | JSON hints: pool, epoch, what, server; `ns:events:3` where the keys are in database 3 | scripts | bus |
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PoolKeys:
    """The keys of one pool; all in one slot."""

    config: str
    epoch: str
    tickets: str
    servers: str
    server_prefix: str
    verdicts: str
    votes_prefix: str
    nodes: str
    seen: str
    load: str
    latency: str
    sweep: str
    weights: str
    outcomes: str
    ejections: str

    def server(self, server_id: str) -> str:
        return self.server_prefix + server_id

    def votes(self, server_id: str) -> str:
        return self.votes_prefix + server_id


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys of one namespace in one database of a Redis."""

    namespace: str = "lb"
    database: int = 0

    @property
    def members(self) -> str:
        return f"{self.namespace}:members"

    def member(self, node_id: str) -> str:
        return f"{self.namespace}:member:{node_id}"

    @property
    def pools(self) -> str:
        return f"{self.namespace}:pools"

    @property
    def routes(self) -> str:
        return f"{self.namespace}:routes"

    @property
    def events(self) -> str:
        """Channels, unlike keys, are common to all databases."""
        return f"{self.namespace}:events" + (f":{self.database}" if self.database else "")

    def rate(self, limit: str, key: str) -> str:
        return f"{self.namespace}:rate:{limit}:{key}"

    def pool(self, pool: str) -> PoolKeys:
        base = f"{self.namespace}:{{{pool}}}:"
        return PoolKeys(
            config=base + "config",
            epoch=base + "epoch",
            tickets=base + "tickets",
            servers=base + "servers",
            server_prefix=base + "server:",
            verdicts=base + "verdicts",
            votes_prefix=base + "votes:",
            nodes=base + "nodes",
            seen=base + "seen",
            load=base + "load",
            latency=base + "latency",
            sweep=base + "sweep",
            weights=base + "weights",
            outcomes=base + "outcomes",
            ejections=base + "ejections",
        )
