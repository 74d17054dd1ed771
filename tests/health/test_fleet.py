"""50 nodes and 1,000 servers: how often a server is probed, and when, as members come and go."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache, partial
from random import Random

import pytest

from cluster_lb.health import assignment
from cluster_lb.health.assignment import probers
from cluster_lb.health.observation import Observation, Word
from cluster_lb.health.prober import Prober
from cluster_lb.model.address import Address
from cluster_lb.model.server import Server
from cluster_lb.settings.health import HealthSettings
from tests.doubles.virtual_time import VirtualClock, run_virtually

NODES = [f"lb-{number}" for number in range(50)]
SERVERS = [Server(f"s{number}", Address("127.0.0.1", 9001)) for number in range(1000)]
INTERVAL_S = 2.0
WARM_UP_S = 4.0


class Fleet:
    """Probers that probe nothing, and write down when; in virtual time."""

    def __init__(self, servers: int) -> None:
        self.servers = SERVERS[:servers]
        self.clock = VirtualClock()
        self.random = Random(7)
        self.times: dict[str, list[float]] = defaultdict(list)  # server id -> when it was probed
        self.probers: dict[str, Prober] = {}

    async def start(self, node: str, members: Iterable[str]) -> None:
        prober = Prober(
            node,
            probe=partial(self._probe, node),
            cast=self._cast,
            advise=self._cast,
            on_local=lambda *_: None,
            clock=VirtualClock(wall_offset=self.random.uniform(-0.02, 0.02)),
            random=self.random,
        )
        await prober.__aenter__()
        self.probers[node] = prober
        prober.update_members(list(members))
        prober.update("web", self.servers, HealthSettings(interval_s=INTERVAL_S))

    async def kill(self, node: str) -> None:
        await self.probers.pop(node).__aexit__()

    async def _probe(self, node: str, server: Server, *_: object) -> Observation:
        self.times[server.id].append(self.clock.monotonic())
        return Observation(Word.L4OK)

    async def _cast(self, *_: object) -> None: ...

    def tell(self, members: Iterable[str], within_s: float) -> None:
        """Every node hears who the members are, at some moment of this time."""
        heard = list(members)
        loop = asyncio.get_running_loop()
        for prober in self.probers.values():
            loop.call_later(self.random.uniform(0, within_s), prober.update_members, heard)

    async def end(self) -> None:
        for node in list(self.probers):
            await self.kill(node)


async def _story(nodes: list[str], servers: int, intervals: int, change: str) -> Fleet:
    fleet = Fleet(servers)
    for node in nodes:
        await fleet.start(node, nodes)
    await asyncio.sleep(WARM_UP_S + intervals * INTERVAL_S)
    if change == "join":
        await fleet.start("lb-new", [*nodes, "lb-new"])
        fleet.tell([*nodes, "lb-new"], within_s=1.0)
    elif change == "leave":
        fleet.tell(nodes[1:], within_s=1.0)
        await asyncio.sleep(1.0)
        await fleet.kill(nodes[0])
    elif change == "death":
        await fleet.kill(nodes[0])
        await asyncio.sleep(5.0)  # its lease
        fleet.tell(nodes[1:], within_s=1.0)
    if change:
        await asyncio.sleep(intervals * INTERVAL_S)
    await fleet.end()
    return fleet


def story(nodes: list[str], servers: int, intervals: int, change: str = "") -> dict[str, list[float]]:
    """When each server was probed, without the first moments."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assignment, "probers", lru_cache(maxsize=None)(probers))  # pure: 50 times the same
        fleet = run_virtually(_story(nodes, servers, intervals, change))
    began = 1000 + WARM_UP_S
    assert len(fleet.times) == servers
    return {server: [at for at in times if at >= began] for server, times in fleet.times.items()}


def longest_gap(times: dict[str, list[float]]) -> float:
    """The longest time that any server went unprobed, in intervals."""
    return max(b - a for each in times.values() for a, b in itertools.pairwise(each)) / INTERVAL_S


def most_in_an_interval(times: dict[str, list[float]]) -> int:
    """The most probes that any server got within an interval, wherever that begins."""
    return max(
        sum(begin <= at < begin + INTERVAL_S for at in each[index : index + 12])
        for each in times.values()
        for index, begin in enumerate(each)
    )


def test_each_server_gets_3_probes_an_interval_a_third_of_it_apart() -> None:
    times = story(NODES, servers=1000, intervals=5)
    assert {len(each) for each in times.values()} <= {14, 15, 16}
    assert longest_gap(times) < 0.45
    assert most_in_an_interval(times) <= 4  # three, and one whose turn came early by its jitter
    load = sorted(at for each in times.values() for at in each)
    tenths = [sum(began <= at < began + 0.2 for at in load) for began in (1004 + 0.2 * n for n in range(49))]
    assert max(tenths) < 1.3 * 300  # of the 3,000 probes an interval


@pytest.mark.parametrize(("change", "gap", "most"), [("join", 0.8, 5), ("leave", 0.8, 5), ("death", 0.8, 5)])
def test_a_change_of_members_leaves_no_gap_and_makes_no_burst(change: str, gap: float, most: int) -> None:
    times = story(NODES[:10], servers=100, intervals=5, change=change)
    assert longest_gap(times) < gap
    assert most_in_an_interval(times) <= most
    end = max(each[-1] for each in times.values())
    afterwards = {server: [at for at in each if at > end - 3 * INTERVAL_S] for server, each in times.items()}
    assert longest_gap(afterwards) < 0.45  # they are a third of an interval apart again


@pytest.mark.parametrize("change", ["join", "leave"])
def test_between_one_node_and_two_there_is_no_gap_either(change: str) -> None:
    times = story(NODES[:1] if change == "join" else NODES[:2], 100, intervals=5, change=change)
    assert longest_gap(times) < 1.2
    assert most_in_an_interval(times) <= 4
