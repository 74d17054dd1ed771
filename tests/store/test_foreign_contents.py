"""Whatever key of ours holds something of another type: every operation goes on, or names the key."""

from __future__ import annotations

import json
import re

import pytest

from cluster_lb.errors import NotFoundError, StoreError
from cluster_lb.model.advice import Advice
from cluster_lb.model.availability import AdminState, Health, ServerState
from cluster_lb.model.sample import Run, Sample
from cluster_lb.model.verdict import Vote
from cluster_lb.settings.schema import PoolSettings
from cluster_lb.store.agents import Agents
from cluster_lb.store.client import Store
from cluster_lb.store.loads import Loads
from cluster_lb.store.outliers import Outliers
from cluster_lb.store.pools import PoolConfigs
from cluster_lb.store.readings import PoolReading
from cluster_lb.store.registry import Registry
from cluster_lb.store.reseed import needs_seeding, seed_pool
from cluster_lb.store.scripts import load
from cluster_lb.store.sticky_secret import make_secret
from cluster_lb.store.verdicts import Verdicts
from cluster_lb.store.weights import Weights
from tests.doubles.keyspace import record

SETTINGS = PoolSettings.model_validate(
    {"slow_start": {"duration_s": 5}, "outliers": {}, "sticky": {}, "health": {"agent": {"port": 9}}}
)
KEYS = [
    "config",
    "epoch",
    "tickets",
    "servers",
    "server:a",
    "verdicts",
    "votes:a",
    "nodes",
    "seen",
    "load",
    "latency",
    "sweep",
    "weights",
    "outcomes",
    "ejections",
]
FAILED = Sample(0, 5, Run(False, 5), Run(False, 0), Run(False, 0))


class Operations:
    """All that nodes, servers and operators do to a pool, by name of the script."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.registry = Registry(store)
        self.known: PoolReading | None = None

    async def prepare(self) -> None:
        await PoolConfigs(self.store).apply({"web": SETTINGS}, ())
        for server_id in "abc":
            await self.registry.register("web", record(server_id))
        await self.store.call("HSET", "lb:{web}:weights", "entry_percent", "10")
        await Verdicts(self.store).cast("web", "n1", {"a": Vote(Health.DOWN, "L4CON")})
        await self.store.call("HDEL", "lb:{web}:server:a", "percent", "percent_reason", "warming_from_ms")
        self.known = await self.registry.read_pool("web")

    async def register_server(self) -> None:
        await self.registry.register("web", record("a"))

    async def deregister_server(self) -> None:
        await self.registry.deregister("web", "a")

    async def remove_server(self) -> None:
        await self.registry.remove("web", "a")

    async def mark_server(self) -> None:
        await self.registry.set_admin_state("web", "a", AdminState.DRAIN)

    async def note_agent(self) -> None:
        await Agents(self.store).note("web", "a", Advice(state=ServerState.DRAIN), Advice())

    async def sweep_pool(self) -> None:
        await self.registry.sweep("web")

    async def adjust_weights(self) -> None:
        assert self.known is not None
        await Weights(self.store).adjust(self.known)

    async def read_pool(self) -> None:
        await self.registry.read_pool("web")

    async def seed_pool(self) -> None:
        assert self.known is not None
        await seed_pool(self.store, self.known, None)

    async def write_config(self) -> None:
        await PoolConfigs(self.store)._write("web", SETTINGS, "apply")

    async def make_secret(self) -> None:
        await make_secret(self.store, "web")

    async def cast_votes(self) -> None:
        await Verdicts(self.store).cast("web", "n1", {"a": Vote(Health.UP, "L4OK")})

    async def read_votes(self) -> None:
        await Verdicts(self.store).votes("web")

    async def judge_outliers(self) -> None:
        await Outliers(self.store).judge("n1", "web", SETTINGS, {"b": FAILED, "a": FAILED})

    async def publish_load(self) -> None:
        await Loads(self.store).publish("web", "n1", 5000, 1, {"a": 1}, elsewhere=True, latencies={"a": 5})

    async def take_tickets(self, epoch: int = 0) -> None:
        keys = self.store.keys.pool("web")
        await self.store.run(load("take_tickets"), [keys.epoch, keys.tickets], [epoch, -1, 1, 0])


OPERATIONS = [name for name in vars(Operations) if not name.startswith("_") and name != "prepare"]


async def stops(store: Store, operation: str, key: str, how: str) -> bool:
    """Whether `operation` fails on a healthy pool of which one key is overwritten."""
    operations = Operations(store)
    await store.call("FLUSHALL")
    await operations.prepare()
    await store.call("DEL", "lb:{web}:" + key)
    await store.call(how, "lb:{web}:" + key, "garbage")
    try:
        await getattr(operations, operation)()
    except StoreError:
        return True
    return False


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_no_operation_stops_at_a_key_of_another_type(real_store: Store, operation: str) -> None:
    stopped = [
        (key, how) for key in KEYS for how in ("SET", "SADD") if await stops(real_store, operation, key, how)
    ]
    assert stopped == []


def ejection(**fields: object) -> str:
    return json.dumps(
        {"kind": "latency", "reason": "", "by": "n1", "at_ms": 9e12, "until_ms": 9e12, "times": 1} | fields
    )


def verdict(**fields: object) -> str:
    return json.dumps({"health": "DOWN", "reason": "", "flips_ms": [1, 2]} | fields)


GARBAGE: list[object] = ["5", "x", "nan", None, [], ["x"]]
# Of the right type, but no value of ours: what is put where, after `HSET lb:{web}:` and the like.
VALUES: list[tuple[str, ...]] = [
    *(("SET", "epoch", text) for text in ("nan", "inf", "-1", "1.5", str(10**30), "0x10", "")),
    *(("ZADD", key, score, "other") for key in ("servers", "nodes") for score in ("inf", "-inf", "1e300")),
    *(
        ("HSET", "ejections", "a", ejection(**{field: text}))
        for field in ("at_ms", "until_ms", "times")
        for text in GARBAGE
    ),
    *(("HSET", "verdicts", "a", verdict(flips_ms=flips)) for flips in (*GARBAGE, [[]], [None])),
    *(("HSET", "verdicts", "a", verdict(**{field: "nan"})) for field in ("at_ms", "holds", "held_until_ms")),
    *(("HSET", "outcomes", field, "nan") for field in ("window", "total/a", "failed/a", "busy/a")),
    ("HSET", "outcomes", "run/a", json.dumps({"began_ms": "nan", "consecutive_5xx": "nan"})),
    *(("HSET", "load", "n2/a", text) for text in ("nan", "inf")),
    *(("HSET", "sweep", field, "nan") for field in ("at_ms", "hold_until_ms", "preserve_until_ms")),
    *(("HSET", "config", field, "nan") for field in ("created_ms", "seeds", "revision")),
]


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_no_operation_stops_at_a_value_that_is_none_of_ours(real_store: Store, operation: str) -> None:
    operations, stopped = Operations(real_store), []
    for command, key, *value in VALUES:
        await real_store.call("FLUSHALL")
        await operations.prepare()
        await Loads(real_store).publish("web", "n2", 5000, 1, {"a": 1})
        await real_store.call(command, "lb:{web}:" + key, *value)
        try:
            await getattr(operations, operation)()
        except StoreError as error:
            stopped.append((key, *value, str(error)))
    assert stopped == []


@pytest.mark.parametrize("text", ["nan", "inf", "-7", "1.5", str((1 << 63) - 1), ""])
async def test_tickets_begin_anew_where_the_counter_is_none(real_store: Store, text: str) -> None:
    await real_store.call("SET", "lb:{web}:tickets", text)
    await Operations(real_store).take_tickets()
    assert await real_store.call("GET", "lb:{web}:tickets") == "1"


@pytest.mark.parametrize("text", ["nan", "inf", "-7", "1.5", str(10**18), str(10**30)])
async def test_nodes_give_back_an_epoch_that_is_none(real_store: Store, text: str) -> None:
    operations = Operations(real_store)
    await operations.prepare()
    held = operations.known
    assert held is not None
    await real_store.call("SET", "lb:{web}:epoch", text)
    found = await operations.registry.read_pool("web")
    assert needs_seeding(held, found)
    await seed_pool(real_store, held, found)
    found = await operations.registry.read_pool("web")
    assert found is not None
    assert found.epoch == held.epoch + 1


@pytest.fixture
async def registry(store: Store) -> Registry:
    """A pool with the server `a`, whose hash somebody overwrote."""
    await PoolConfigs(store).apply({"web": SETTINGS}, ())
    registry = Registry(store)
    await registry.register("web", record("a"))
    await store.call("SET", "lb:{web}:server:a", "garbage")
    return registry


async def test_an_operators_mark_holds_from_the_next_heartbeat_on(store: Store, registry: Registry) -> None:
    await registry.set_admin_state("web", "a", AdminState.DRAIN)
    await registry.register("web", record("a"))
    (server,) = (await registry.read_pool("web")).snapshot.servers  # type: ignore[union-attr]
    assert server.admin_state is AdminState.DRAIN


async def test_a_mark_on_what_is_no_server_says_so(store: Store, registry: Registry) -> None:
    await store.call("SET", "lb:{web}:server:b", "garbage")
    with pytest.raises(NotFoundError, match="'web' has no server 'b'"):
        await registry.set_weight("web", "b", 5)


async def test_an_agents_word_holds_from_the_next_heartbeat_on(store: Store, registry: Registry) -> None:
    await Agents(store).note("web", "a", Advice(state=ServerState.DRAIN), Advice())
    await registry.register("web", record("a"))
    (server,) = (await registry.read_pool("web")).snapshot.servers  # type: ignore[union-attr]
    assert server.advice.state is ServerState.DRAIN


async def test_no_secret_is_made_where_settings_are_overwritten_so_that_nodes_give_back_theirs(
    store: Store, registry: Registry
) -> None:
    await make_secret(store, "web")
    held = await registry.read_pool("web")
    assert held is not None
    await store.call("SET", "lb:{web}:config", "garbage")
    await make_secret(store, "web")
    await seed_pool(store, held, await registry.read_pool("web"))
    found = await registry.read_pool("web")
    assert found is not None
    assert (found.settings, found.snapshot.sticky_secrets) == (held.settings, held.snapshot.sticky_secrets)


async def contents(store: Store) -> dict[str, object]:
    """All that is in Redis."""
    how = {"string": ("GET",), "hash": ("HGETALL",), "set": ("SMEMBERS",), "zset": ("ZRANGE", 0, -1)}
    found = {}
    for key in await store.call("KEYS", "*"):
        command, *arguments = how[await store.call("TYPE", key)]
        found[key] = await store.call(str(command), key, *arguments)
    return found


@pytest.mark.parametrize("key", ["lb:pools", "lb:routes", "lb:{web}:config"])
async def test_apply_names_the_key_and_what_to_do_and_leaves_all_as_it_is(store: Store, key: str) -> None:
    configs = PoolConfigs(store)
    await configs.apply({"web": SETTINGS}, ())
    await store.call("DEL", key)
    await store.call(*(("SADD", key, "garbage") if key == "lb:routes" else ("SET", key, "garbage")))
    before = await contents(store)
    with pytest.raises(StoreError, match=rf"{re.escape(key)}: .*another type.*rename or remove the key"):
        await configs.apply({"web": PoolSettings()}, ())
    assert await contents(store) == before
