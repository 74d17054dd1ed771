"""What a node probes as pools and members change, and what follows: votes, and its own overlay."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from random import Random

import pytest
from structlog.testing import capture_logs

from cluster_lb.clock import SystemClock
from cluster_lb.errors import StoreUnavailableError
from cluster_lb.health.assignment import probers
from cluster_lb.health.observation import Observation, Word
from cluster_lb.health.probe import probe
from cluster_lb.health.prober import Prober
from cluster_lb.health.sessions import Sessions
from cluster_lb.model.address import Address
from cluster_lb.model.advice import Advice
from cluster_lb.model.availability import AdminState, Health, ServerState
from cluster_lb.model.server import Server
from cluster_lb.model.verdict import Verdict, Vote
from cluster_lb.settings.health import HealthSettings
from tests.doubles.http_servers import HTTPServer, Peer
from tests.doubles.waiting import eventually

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
        self.settings: list[HealthSettings] = []  # of each probe
        self.votes: dict[str, Vote] = {}  # as the store holds them
        self.heard: set[Vote] = set()
        self.casts = 0
        self.advice: dict[str, Advice] = {}  # as the store holds it
        self.local: list[tuple[str, bool, str]] = []

    async def probe(self, target: Server, settings: HealthSettings, dial: object) -> Observation:
        self.probes[target.id] += 1
        self.settings.append(settings)
        if self.blind:
            return Observation(Word.SOCKERR, "too many open files")
        return Observation(Word.L4TOUT if target.id in self.ill else Word.L4OK)

    async def cast(self, pool: str, votes) -> None:
        self.casts += 1
        if self.away:
            raise StoreUnavailableError("no answer in 0.5 s")
        self.votes |= votes
        self.heard.update(votes.values())

    async def advise(self, pool: str, server_id: str, advice: Advice, held: Advice) -> None:
        if self.away:
            raise StoreUnavailableError("no answer in 0.5 s")
        self.advice[server_id] = advice

    def on_local(self, pool: str, server_id: str, reachable: bool, reason: str) -> None:
        self.local.append((server_id, reachable, reason))

    @asynccontextmanager
    async def prober(self, node_id: str = "lb-0", refresh_s: float = 0.1, real=None) -> AsyncIterator[Prober]:
        """A prober in this world; `real` is a probe function that goes over the network instead."""
        async with Prober(
            node_id,
            probe=real or self.probe,
            cast=self.cast,
            advise=self.advise,
            on_local=self.on_local,
            clock=SystemClock(),
            random=Random(1),
            refresh_s=refresh_s,
        ) as opened:
            yield opened


@pytest.fixture
def world() -> World:
    return World()


async def test_a_server_that_answers_gets_the_vote_UP(world: World) -> None:
    async with world.prober() as prober:
        prober.update("web", [server("a"), server("b")], QUICK)
        await eventually(lambda: world.votes == {"a": UP, "b": UP})
    assert world.local == []  # up is what everyone assumes


async def test_a_first_failure_brings_a_new_server_down_here_and_in_the_store(world) -> None:
    world.ill = {"a"}
    async with world.prober(refresh_s=3600) as prober:
        prober.update("web", [server("a")], QUICK)
        await eventually(lambda: world.votes == {"a": DOWN})
    assert world.local == [("a", False, "L4TOUT")]


async def test_a_server_goes_down_and_comes_back_over_the_network(world, serve, refusing) -> None:
    backend = await serve(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    settings = QUICK.model_copy(update={"kind": "http"})
    async with Sessions() as session:
        real = partial(probe, sessions=session, clock=SystemClock())
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


async def test_while_the_store_is_away_health_works_here_and_votes_follow_later(world) -> None:
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


async def test_votes_are_refreshed_though_nothing_changes(world: World) -> None:
    async with world.prober(refresh_s=0.05) as prober:
        prober.update("web", [server("a")], QUICK)
        await eventually(lambda: world.votes)
        world.votes = {}  # the store forgot
        await eventually(lambda: world.votes == {"a": UP})


async def test_kind_none_neither_probes_nor_votes(world: World) -> None:
    async with world.prober() as prober:
        prober.update("off", [server("a")], QUICK.model_copy(update={"kind": "none"}))
        prober.update("web", [server("b")], QUICK)
        await eventually(lambda: world.votes)
        assert prober.watched("off") == frozenset()
    assert set(world.probes) == set(world.votes) == {"b"}


async def test_probes_stop_when_a_pool_turns_them_off(world: World) -> None:
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


async def test_a_server_that_falls_to_other_nodes_is_in_again_here(world: World) -> None:
    world.ill = {"a"}
    settings = QUICK.model_copy(update={"probers": 1})
    async with world.prober() as prober:
        prober.update("web", [server("a")], settings)
        await eventually(lambda: world.votes == {"a": DOWN})
        other = next(f"lb-{i}" for i in range(1, 99) if probers("web/a", ["lb-0", f"lb-{i}"], 1) != ("lb-0",))
        prober.update_members(["lb-0", other])
        assert world.local[-1] == ("a", True, "not probed by this node any more")


async def test_a_change_of_members_keeps_the_tallies_of_what_stays(world: World) -> None:
    world.ill = {"a"}
    async with world.prober() as prober:
        prober.update("web", [server("a")], QUICK)
        await eventually(lambda: world.local)
        prober.update_members(["lb-0", "lb-1"])
        seen = world.probes["a"]
        await eventually(lambda: world.probes["a"] > seen + 1)
    assert world.local == [("a", False, "L4TOUT")]  # told once: it never began anew


async def test_a_new_weight_or_mark_does_not_disturb_the_probes(world: World) -> None:
    world.ill = {"a"}
    async with world.prober() as prober:
        prober.update("web", [server("a")], QUICK)
        await eventually(lambda: world.local)
        prober.update("web", [server("a", weight=9, admin_state=AdminState.DRAIN)], QUICK)
        seen = world.probes["a"]
        await eventually(lambda: world.probes["a"] > seen + 1)
    assert world.local == [("a", False, "L4TOUT")]


async def test_a_new_address_begins_anew(world: World) -> None:
    world.ill = {"a"}
    async with world.prober() as prober:
        prober.update("web", [server("a", 9001)], QUICK)
        await eventually(lambda: world.local)
        prober.update("web", [server("a", 9002)], QUICK)
        assert world.local[1:] == [("a", True, "has a new address")]
        await eventually(lambda: world.local[2:] == [("a", False, "L4TOUT")])


async def test_new_settings_keep_what_is_known_of_the_server(world: World) -> None:
    world.ill = {"a"}
    async with world.prober() as prober:
        prober.update("web", [server("a")], QUICK)
        await eventually(lambda: world.local)
        prober.update("web", [server("a")], QUICK.model_copy(update={"rise": 3}))
        assert len(world.local) == 1  # still out
        world.ill = set()
        await eventually(lambda: world.local[1:] == [("a", True, "L4OK")])


async def test_servers_of_a_pool_that_changes_all_the_time_are_probed(world: World) -> None:
    weights = count()
    servers = [f"s{i}" for i in range(20)]

    def change() -> bool:
        prober.update(
            "web", [server(identifier, weight=next(weights) % 200) for identifier in servers], QUICK
        )
        return min(world.probes[identifier] for identifier in servers) > 1

    async with world.prober() as prober:
        await eventually(change)


async def test_a_failure_that_does_not_flip_leaves_the_vote_as_it_is(world: World) -> None:
    settings = QUICK.model_copy(update={"fall": 1000})
    async with world.prober(refresh_s=0.05) as prober:
        prober.update("web", [server("a")], settings)
        await eventually(lambda: world.votes)
        world.ill = {"a"}
        seen, casts = world.probes["a"], world.casts
        await eventually(lambda: world.probes["a"] > seen + 2 and world.casts > casts + 4)
    assert world.heard == {UP}


async def test_only_the_new_settings_are_used_after_a_change(world: World) -> None:
    new = QUICK.model_copy(update={"path": "/new"})
    async with world.prober() as prober:
        prober.update("web", [server("a")], QUICK)
        await eventually(lambda: world.settings)
        prober.update("web", [server("a")], new)
        world.settings.clear()
        await eventually(lambda: len(world.settings) > 5)
    assert set(map(repr, world.settings)) == {repr(new)}


async def test_new_settings_are_used_at_once(world: World) -> None:
    async with world.prober() as prober:
        prober.update("web", [server("a")], QUICK.model_copy(update={"interval_s": 3600.0}))
        prober.update("web", [server("a")], QUICK)
        await eventually(lambda: world.probes["a"] > 1)


async def test_a_server_that_left_is_forgotten(world: World) -> None:
    async with world.prober(refresh_s=0.05) as prober:
        prober.update("web", [server("a"), server("b")], QUICK)
        await eventually(lambda: len(world.votes) == 2)
        prober.update("web", [server("b")], QUICK)
        assert prober.watched("web") == {"b"}
        world.votes, world.probes, casts = {}, Counter(), world.casts
        await eventually(lambda: world.casts > casts + 3 and world.probes["b"] > 2)
        assert set(world.votes) | set(world.probes) == {"b"}
    assert world.local == []  # it was up: nothing to take back


async def test_a_machine_that_cannot_probe_changes_no_opinion_and_says_so_once(world) -> None:
    world.ill = {"b"}
    async with world.prober(refresh_s=0.05) as prober:
        prober.update("web", [server("a"), server("b")], QUICK)
        await eventually(lambda: world.votes == {"a": UP, "b": DOWN})
        world.blind = True
        with capture_logs() as lines:
            seen = world.probes.copy()
            await eventually(lambda: all(world.probes[s] > seen[s] + 5 for s in "ab"))
    assert world.heard == {UP, DOWN}
    assert world.local == [("b", False, "L4TOUT")]
    assert [(line["log_level"], line["reason"]) for line in lines] == [
        ("warning", "SOCKERR too many open files")
    ]


async def test_a_closed_prober_probes_no_more(world: World) -> None:
    async with world.prober() as prober:
        prober.update("web", [server("a")], QUICK)
        await eventually(lambda: world.probes["a"])
    assert len(prober._tasks) == 0


def with_agent(port: int, kind: str = "tcp") -> HealthSettings:
    agent = {"port": port, "interval_s": 0.05, "timeout_s": 10.0}
    return HealthSettings.model_validate({"kind": kind, "interval_s": 0.05, "agent": agent})


class Agent:
    """Says the same line to everyone."""

    line = b"up\n"

    async def __call__(self, peer: Peer) -> None:
        await peer.send(self.line)
        await peer.close()


async def test_a_server_is_down_while_its_agent_says_so_and_up_when_both_do(world: World) -> None:
    agent = Agent()
    async with HTTPServer(agent) as listening, world.prober() as prober:
        prober.update("web", [server("a")], with_agent(listening.address.port))
        await eventually(lambda: world.votes == {"a": UP})
        agent.line = b"down #disk full\n"
        said = Vote(Health.DOWN, "L7STS agent: disk full")
        await eventually(lambda: world.votes == {"a": said})
        world.ill = {"a"}
        agent.line = b"up\n"
        await eventually(lambda: world.votes == {"a": DOWN})
        world.ill = set()
        await eventually(lambda: world.votes == {"a": UP})
    assert (world.local[0], world.local[-1]) == (("a", False, said.reason), ("a", True, "L4OK"))


async def test_an_agent_alone_decides_where_there_are_no_probes(world: World) -> None:
    agent = Agent()
    async with HTTPServer(agent) as listening, world.prober() as prober:
        prober.update("web", [server("a")], with_agent(listening.address.port, kind="none"))
        await eventually(lambda: world.votes == {"a": Vote(Health.UP, "L7OK agent: up")})
        agent.line = b"stopped\n"
        await eventually(lambda: world.votes == {"a": Vote(Health.DOWN, "L7STS agent: down")})
        prober.update("web", [server("a")], HealthSettings(kind="none"))
        assert prober.watched("web") == frozenset()
    assert world.probes["a"] == 0
    assert world.local[-1] == ("a", True, "not probed by this node any more")


async def test_a_server_that_probes_found_down_is_not_down_for_ever_when_its_agent_alone_is_asked(
    world: World,
) -> None:
    agent = Agent()
    agent.line = b"75%\n"
    world.ill = {"a"}
    async with HTTPServer(agent) as listening, world.prober() as prober:
        prober.update("web", [server("a")], with_agent(listening.address.port))
        await eventually(lambda: world.votes == {"a": DOWN})
        prober.update("web", [server("a")], with_agent(listening.address.port, kind="none"))
        await eventually(lambda: world.votes == {"a": Vote(Health.UP, "L7OK agent")})
    assert world.local[-1] == ("a", True, "L7OK agent")


async def test_what_an_agent_says_of_weight_and_state_is_handed_on_when_the_store_is_there(world) -> None:
    agent = Agent()
    agent.line = b"drain 50%\n"
    world.away = True
    async with HTTPServer(agent) as listening, world.prober() as prober:
        prober.update("web", [server("a")], with_agent(listening.address.port))
        await eventually(lambda: len(listening.peers) > 2)
        assert world.advice == {}
        world.away = False
        await eventually(lambda: world.advice == {"a": Advice(50, None, ServerState.DRAIN)})


async def test_who_takes_a_server_over_that_is_down_wants_as_many_good_probes_as_any(world: World) -> None:
    verdict = Verdict(Health.DOWN, "L4TOUT", ("lb-1",), 1, 0)
    async with world.prober() as prober:
        prober.update("web", [server("a", verdict=verdict)], QUICK.model_copy(update={"rise": 4}))
        await eventually(lambda: world.probes["a"] >= 2)
        assert world.votes == {} or world.probes["a"] >= 4
        await eventually(lambda: world.votes == {"a": UP})
        assert world.probes["a"] >= 4
