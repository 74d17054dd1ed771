"""What a node probes as pools and members change, and what follows: votes, and its own overlay."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from random import Random

import pytest

from cluster_lb.clock import SystemClock
from cluster_lb.errors import StoreUnavailableError
from cluster_lb.health.assignment import probers
from cluster_lb.health.observation import Observation, Word
from cluster_lb.health.probe import new_session, probe
from cluster_lb.health.prober import Prober
from cluster_lb.model.address import Address
from cluster_lb.model.availability import AdminState, Health
from cluster_lb.model.server import Server
from cluster_lb.model.verdict import Vote
from cluster_lb.settings.schema import HealthSettings

QUICK = HealthSettings(interval_s=0.05, timeout_s=1.0)
UP, DOWN = Vote(Health.UP, "L4OK"), Vote(Health.DOWN, "L4TOUT")


def server(identifier: str, port: int = 9001, **more) -> Server:
    return Server(identifier, Address("127.0.0.1", port), **more)


class World:
    """What surrounds a prober: servers that are well or ill, a store, an overlay."""

    def __init__(self) -> None:
        self.ill: set[str] = set()
        self.blind = False
        self.away = False
        self.probes: Counter[str] = Counter()
        self.votes: dict[str, Vote] = {}
        self.casts = 0
        self.local: list[tuple[str, bool, str]] = []

    async def probe(self, target: Server, settings: HealthSettings) -> Observation:
        self.probes[target.id] += 1
        if self.blind:
            return Observation(Word.SOCKERR, "too many open files")
        return Observation(Word.L4TOUT if target.id in self.ill else Word.L4OK)

    async def cast(self, pool: str, votes) -> None:
        self.casts += 1
        if self.away:
            raise StoreUnavailableError("no answer in 0.5 s")
        self.votes |= votes

    def on_local(self, pool: str, server_id: str, reachable: bool, reason: str) -> None:
        self.local.append((server_id, reachable, reason))

    @asynccontextmanager
    async def prober(self, node_id: str = "lb-0", refresh_s: float = 0.1, real=None) -> AsyncIterator[Prober]:
        """A prober in this world; `real` is a probe function that goes over the network instead."""
        async with Prober(
            node_id,
            probe=real or self.probe,
            cast=self.cast,
            on_local=self.on_local,
            clock=SystemClock(),
            random=Random(1),
            refresh_s=refresh_s,
        ) as opened:
            yield opened


@pytest.fixture
def world() -> World:
    return World()


async def test_a_server_that_answers_gets_the_vote_UP(world: World, eventually) -> None:
    async with world.prober() as prober:
        prober.update("web", [server("a"), server("b")], QUICK)
        await eventually(lambda: world.votes == {"a": UP, "b": UP})
    assert world.local == []  # up is what everyone assumes


async def test_a_first_failure_brings_a_new_server_down_here_and_in_the_store(world, eventually) -> None:
    world.ill = {"a"}
    async with world.prober(refresh_s=3600) as prober:
        prober.update("web", [server("a")], QUICK)
        await eventually(lambda: world.votes == {"a": DOWN})
    assert world.local == [("a", False, "L4TOUT")]


async def test_a_server_goes_down_and_comes_back_over_the_network(world, serve, refusing, eventually) -> None:
    backend = await serve(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    settings = QUICK.model_copy(update={"kind": "http"})
    async with new_session() as session:
        real = partial(probe, session=session, clock=SystemClock())
        async with world.prober(real=real, refresh_s=3600) as prober:
            prober.update("web", [Server("a", backend.address), Server("b", refusing)], settings)
            refused = Vote(Health.DOWN, "L4CON connection refused")
            await eventually(lambda: world.votes == {"a": Vote(Health.UP, "L7OK 200"), "b": refused})
            await backend.stop()
            await eventually(lambda: world.votes["a"] == refused)
            await backend.start_again()
            await eventually(lambda: world.votes["a"] == Vote(Health.UP, "L7OK 200"))
    assert [entry for entry in world.local if entry[0] == "a"] == [
        ("a", False, "L4CON connection refused"),
        ("a", True, "L7OK 200"),
    ]


async def test_while_the_store_is_away_health_works_here_and_votes_follow_later(world, eventually) -> None:
    async with world.prober() as prober:
        prober.update("web", [server("a")], QUICK)
        await eventually(lambda: world.votes == {"a": UP})
        world.away = True
        world.ill = {"a"}
        await eventually(lambda: world.local == [("a", False, "L4TOUT")])
        casts = world.casts
        await eventually(lambda: world.casts > casts + 2)
        assert world.votes == {"a": UP}
        world.away = False
        await eventually(lambda: world.votes == {"a": DOWN})


async def test_votes_are_refreshed_though_nothing_changes(world: World, eventually) -> None:
    async with world.prober(refresh_s=0.05) as prober:
        prober.update("web", [server("a")], QUICK)
        await eventually(lambda: world.votes)
        world.votes = {}  # the store forgot
        await eventually(lambda: world.votes == {"a": UP})


async def test_kind_none_neither_probes_nor_votes(world: World, eventually) -> None:
    async with world.prober() as prober:
        prober.update("off", [server("a")], QUICK.model_copy(update={"kind": "none"}))
        prober.update("web", [server("b")], QUICK)
        await eventually(lambda: world.votes)
        assert prober.watched("off") == frozenset()
    assert set(world.probes) == set(world.votes) == {"b"}


async def test_probes_stop_when_a_pool_turns_them_off(world: World, eventually) -> None:
    world.ill = {"a"}
    async with world.prober() as prober:
        prober.update("web", [server("a")], QUICK)
        await eventually(lambda: world.local)
        prober.update("web", [server("a")], QUICK.model_copy(update={"kind": "none"}))
        assert prober.watched("web") == frozenset()
    assert world.local[-1] == ("a", True, "not probed by this node any more")


@pytest.mark.parametrize(
    ("state", "probed"), [(AdminState.READY, True), (AdminState.DRAIN, True), (AdminState.MAINT, False)]
)
async def test_a_server_in_maintenance_is_not_probed(state: AdminState, probed: bool, world: World) -> None:
    async with world.prober() as prober:
        prober.update("web", [server("a", admin_state=state)], QUICK)
        assert prober.watched("web") == ({"a"} if probed else set())


async def test_only_the_servers_assigned_to_the_node_are_probed(world: World) -> None:
    members = [f"lb-{i}" for i in range(5)]
    servers = [server(f"s{i}") for i in range(40)]
    settings = QUICK.model_copy(update={"probers": 2})
    watched: Counter[str] = Counter()
    for node in members:
        async with world.prober(node) as prober:
            prober.update_members(members)
            prober.update("web", servers, settings)
            watched.update(prober.watched("web"))
    assert watched == {s.id: 2 for s in servers}


async def test_until_members_are_known_a_node_probes_all_and_then_its_part(world: World) -> None:
    members = [f"lb-{i}" for i in range(10)]
    servers = [server(f"s{i}") for i in range(40)]
    async with world.prober() as prober:
        prober.update("web", servers, QUICK)
        assert prober.watched("web") == {s.id for s in servers}
        prober.update_members(members)
        mine = {s.id for s in servers if "lb-0" in probers(f"web/{s.id}", members, 3)}
        assert 0 < len(mine) < 40
        assert prober.watched("web") == mine
        prober.update_members([])
        assert prober.watched("web") == {s.id for s in servers}


async def test_a_server_that_falls_to_other_nodes_is_in_again_here(world: World, eventually) -> None:
    world.ill = {"a"}
    settings = QUICK.model_copy(update={"probers": 1})
    async with world.prober() as prober:
        prober.update("web", [server("a")], settings)
        await eventually(lambda: world.votes == {"a": DOWN})
        other = next(f"lb-{i}" for i in range(1, 99) if probers("web/a", ["lb-0", f"lb-{i}"], 1) != ("lb-0",))
        prober.update_members(["lb-0", other])
        assert world.local[-1] == ("a", True, "not probed by this node any more")


async def test_a_change_of_members_keeps_the_tallies_of_what_stays(world: World, eventually) -> None:
    world.ill = {"a"}
    async with world.prober() as prober:
        prober.update("web", [server("a")], QUICK)
        await eventually(lambda: world.local)
        prober.update_members(["lb-0", "lb-1"])
        seen = world.probes["a"]
        await eventually(lambda: world.probes["a"] > seen + 1)
    assert world.local == [("a", False, "L4TOUT")]  # told once: it never began anew


async def test_a_new_weight_or_mark_does_not_disturb_the_probes(world: World, eventually) -> None:
    world.ill = {"a"}
    async with world.prober() as prober:
        prober.update("web", [server("a")], QUICK)
        await eventually(lambda: world.local)
        prober.update("web", [server("a", weight=9, admin_state=AdminState.DRAIN)], QUICK)
        seen = world.probes["a"]
        await eventually(lambda: world.probes["a"] > seen + 1)
    assert world.local == [("a", False, "L4TOUT")]


async def test_a_new_address_begins_anew(world: World, eventually) -> None:
    world.ill = {"a"}
    async with world.prober() as prober:
        prober.update("web", [server("a", 9001)], QUICK)
        await eventually(lambda: world.local)
        prober.update("web", [server("a", 9002)], QUICK)
        assert world.local[1:] == [("a", True, "has a new address")]
        await eventually(lambda: world.local[2:] == [("a", False, "L4TOUT")])


async def test_new_settings_keep_what_is_known_of_the_server(world: World, eventually) -> None:
    world.ill = {"a"}
    async with world.prober() as prober:
        prober.update("web", [server("a")], QUICK)
        await eventually(lambda: world.local)
        prober.update("web", [server("a")], QUICK.model_copy(update={"rise": 3}))
        assert len(world.local) == 1  # still out
        world.ill = set()
        await eventually(lambda: world.local[1:] == [("a", True, "L4OK")])


async def test_new_settings_are_used_at_once(world: World, eventually) -> None:
    async with world.prober() as prober:
        prober.update("web", [server("a")], QUICK.model_copy(update={"interval_s": 3600.0}))
        prober.update("web", [server("a")], QUICK)
        await eventually(lambda: world.probes["a"] > 1)


async def test_a_server_that_left_is_forgotten(world: World, eventually) -> None:
    async with world.prober(refresh_s=0.05) as prober:
        prober.update("web", [server("a"), server("b")], QUICK)
        await eventually(lambda: len(world.votes) == 2)
        prober.update("web", [server("b")], QUICK)
        assert prober.watched("web") == {"b"}
        world.votes, casts = {}, world.casts
        await eventually(lambda: world.casts > casts + 3)
        assert set(world.votes) <= {"b"}


async def test_a_machine_that_cannot_probe_changes_no_opinion(world: World, eventually) -> None:
    async with world.prober() as prober:
        prober.update("web", [server("a")], QUICK)
        await eventually(lambda: world.votes == {"a": UP})
        world.blind = True
        seen = world.probes["a"]
        await eventually(lambda: world.probes["a"] > seen + 5)
    assert (world.votes, world.local) == ({"a": UP}, [])


async def test_a_closed_prober_probes_no_more(world: World, eventually) -> None:
    async with world.prober() as prober:
        prober.update("web", [server("a")], QUICK)
        await eventually(lambda: world.probes["a"])
    assert len(prober._tasks) == 0
