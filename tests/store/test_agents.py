"""What agents said, in Redis and back."""

from __future__ import annotations

import asyncio

import pytest

from cluster_lb.model.advice import Advice
from cluster_lb.model.availability import AdminState, Health, ServerState
from cluster_lb.model.server import Server
from cluster_lb.model.verdict import Vote
from cluster_lb.settings.schema import PoolSettings
from cluster_lb.store.agents import Agents, changes
from cluster_lb.store.client import Store
from cluster_lb.store.pools import PoolConfigs
from cluster_lb.store.registry import Registry
from cluster_lb.store.verdicts import Verdicts
from tests.doubles.keyspace import epoch_of, hash_at, hearing, record

WITH_AGENT = PoolSettings.model_validate({"health": {"agent": {"port": 9}}})
NOTHING = Advice()


@pytest.mark.parametrize(
    ("advice", "held", "fields"),
    [
        (NOTHING, Advice(50, None, ServerState.DRAIN), {}),
        (Advice(percent=50), NOTHING, {"agent_percent": "50", "agent_weight": ""}),
        (Advice(percent=50), Advice(percent=50), {}),
        (Advice(weight=5), Advice(percent=50), {"agent_percent": "", "agent_weight": "5"}),
        (Advice(state=ServerState.UP), Advice(state=ServerState.DRAIN), {"agent_state": "up"}),
        (Advice(maxconn=0), Advice(maxconn=30), {"agent_maxconn": "0"}),
        (Advice(maxconn=30), Advice(maxconn=30), {}),
    ],
)
def test_only_what_is_new_is_written(advice: Advice, held: Advice, fields: dict[str, str]) -> None:
    assert changes(advice, held) == fields


async def read(store: Store) -> Server:
    reading = await Registry(store).read_pool("web")
    assert reading is not None
    return reading.snapshot.servers[0]


async def test_words_change_weight_and_state_and_are_told_once(store: Store) -> None:
    await PoolConfigs(store).seed({"web": WITH_AGENT}, ())
    await Registry(store).register("web", record("a", weight=10))
    agents, before = Agents(store), await epoch_of(store)
    async with hearing(store) as heard:
        await agents.note("web", "a", Advice(50, None, ServerState.DRAIN, 30), NOTHING)
        await agents.note("web", "a", Advice(50, None, ServerState.DRAIN, 30), NOTHING)  # another node's
        hint = {"pool": "web", "epoch": before + 1, "what": "agent", "server": "a", "takes": "persists"}
        assert await heard.all() == [hint]
    server = await read(store)
    assert (server.weight, server.effective_weight) == (10, 5)
    assert (server.state, server.state_reason) == (ServerState.DRAIN, "its agent says so")
    assert server.advice == Advice(50, None, ServerState.DRAIN, 30)


async def test_an_agents_word_and_a_percent_in_force_are_multiplied(store: Store) -> None:
    await PoolConfigs(store).seed({"web": WITH_AGENT}, ())
    for server_id in "ab":
        await Registry(store).register("web", record(server_id, weight=10))
    await Agents(store).note("web", "a", Advice(percent=40), NOTHING)
    await store.call("HSET", "lb:{web}:server:a", "percent", "50")
    reading = await Registry(store).read_pool("web")
    assert reading is not None
    a, b = reading.snapshot.servers
    assert (a.weight, a.advised_weight, a.weight_in_force) == (10, 4, 2)
    assert b.effective_weight == 5 * a.effective_weight


async def test_an_operators_mark_stays_whatever_the_agent_says(store: Store) -> None:
    await PoolConfigs(store).seed({"web": WITH_AGENT}, ())
    registry = Registry(store)
    await registry.register("web", record("a"))
    await registry.set_admin_state("web", "a", AdminState.MAINT)
    await Agents(store).note("web", "a", Advice(state=ServerState.UP), NOTHING)
    assert (await read(store)).admin_state is AdminState.MAINT


async def test_the_stricter_of_server_and_agent_holds(store: Store) -> None:
    await PoolConfigs(store).seed({"web": WITH_AGENT}, ())
    registry = Registry(store)
    await registry.register("web", record("a", state=ServerState.DOWN, state_reason="broken"))
    await Agents(store).note("web", "a", Advice(state=ServerState.DRAIN), NOTHING)
    server = await read(store)
    assert (server.state, server.state_reason) == (ServerState.DOWN, "broken")


async def test_without_agents_their_words_do_not_hold(store: Store) -> None:
    await PoolConfigs(store).seed({"web": WITH_AGENT}, ())
    await Registry(store).register("web", record("a", weight=10))
    await Agents(store).note("web", "a", Advice(0, None, ServerState.DOWN), NOTHING)
    await PoolConfigs(store).apply({"web": PoolSettings()}, ())
    server = await read(store)
    assert (server.effective_weight, server.state, server.advice) == (10, ServerState.UP, NOTHING)


@pytest.mark.parametrize("late", [False, True], ids=["in time", "after agents were switched off"])
async def test_words_do_not_count_again_when_agents_are_switched_on_again(store: Store, late: bool) -> None:
    configs, agents = PoolConfigs(store), Agents(store)
    await configs.seed({"web": WITH_AGENT}, ())
    await Registry(store).register("web", record("a", weight=10))
    word = Advice(40, None, ServerState.DOWN, 30)
    await agents.note("web", "a", word, NOTHING)
    await configs.apply({"web": PoolSettings()}, ())
    if late:  # a node that has not heard of the change yet
        await agents.note("web", "a", word, NOTHING)
    await configs.apply({"web": WITH_AGENT}, ())
    assert (await read(store)).advice == NOTHING
    await agents.note("web", "a", word, NOTHING)
    assert (await read(store)).advice == word


async def test_a_change_of_other_settings_keeps_the_words(store: Store) -> None:
    await PoolConfigs(store).seed({"web": WITH_AGENT}, ())
    await Registry(store).register("web", record("a", weight=10))
    await Agents(store).note("web", "a", Advice(percent=40), NOTHING)
    await PoolConfigs(store).apply({"web": WITH_AGENT.model_copy(update={"attempts": 5})}, ())
    assert (await read(store)).advice == Advice(percent=40)


async def test_verdicts_do_not_count_again_when_nodes_judge_again(store: Store) -> None:
    unjudged = PoolSettings.model_validate({"health": {"kind": "none"}})
    await Registry(store).register("web", record("a"))
    await Verdicts(store).cast("web", "n1", {"a": Vote(Health.DOWN, "L7STS agent: full")})
    await PoolConfigs(store).apply({"web": PoolSettings(attempts=5)}, ())
    assert (await read(store)).health is Health.DOWN
    await PoolConfigs(store).apply({"web": unjudged}, ())
    await PoolConfigs(store).apply({"web": PoolSettings()}, ())
    assert (await read(store)).health is Health.NEW


async def test_a_server_that_registers_anew_begins_anew(store: Store) -> None:
    await PoolConfigs(store).seed({"web": WITH_AGENT}, ())
    registry = Registry(store)
    await registry.register("web", record("a"))
    await Agents(store).note("web", "a", Advice(state=ServerState.DOWN), NOTHING)
    await registry.deregister("web", "a")
    await registry.register("web", record("a"))
    assert (await read(store)).state is ServerState.UP


async def test_words_about_a_server_that_is_not_there_leave_nothing(store: Store) -> None:
    await Agents(store).note("web", "a", Advice(percent=5), NOTHING)
    assert await hash_at(store, "lb:{web}:server:a") == {}
    assert await epoch_of(store) == 0


async def test_of_many_nodes_that_hear_the_same_one_raises_the_epoch(store: Store) -> None:
    await PoolConfigs(store).seed({"web": WITH_AGENT}, ())
    await Registry(store).register("web", record("a"))
    before = await epoch_of(store)
    await asyncio.gather(*(Agents(store).note("web", "a", Advice(percent=5), NOTHING) for _ in range(20)))
    assert await epoch_of(store) == before + 1
