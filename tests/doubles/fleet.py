"""A cluster in simulated time: nodes pick among the same servers and hear of one another's load late."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from itertools import count
from math import inf
from random import Random
from types import SimpleNamespace

from cluster_lb.model.place import Place
from cluster_lb.picking import POLICIES, Numbers, Policy
from cluster_lb.picking.reports import Reports
from cluster_lb.proxy.latencies import Latencies
from tests.doubles.candidates import Candidate
from tests.doubles.snapshots import weighted

REPORT_S = 0.25
TICKETS_S = 0.1  # a block of tickets lasts so long


class FleetNode:
    """One node, with its pool. `take_block`: count -> first ticket of a new block."""

    def __init__(
        self, policy: Policy, servers: int, random: Random, take_block: Callable[[int], int]
    ) -> None:
        self.weights: dict[str, int] = {}
        self.servers: dict[str, Candidate] = {}
        self.ticker = SimpleNamespace(now=0.0)
        self.block_size = 1
        self._policy = policy
        self._latencies = Latencies()
        self.join(f"s{number}" for number in range(servers))
        self._tickets = policy.numbers is Numbers.TICKET
        self._random = random
        self._take_block = take_block
        self._block = iter(range(0))

    def join(self, server_ids: Iterable[str]) -> None:
        """More servers, with nothing in flight."""
        for server_id in server_ids:
            self.weights[server_id] = 1
            self.servers[server_id] = Candidate(server_id, pool=self)
        name = next(name for name, policy in POLICIES.items() if policy is self._policy)
        snapshot = weighted(self.weights, name)
        self._picker = self._policy.plan(snapshot).bind(self.servers)
        self._reports = Reports(snapshot, self.servers)

    def pick(self) -> Candidate:
        server = self._picker.first(self._ticket() if self._tickets else self._random.getrandbits(64))
        assert server is not None
        server.load += 1
        return server

    def end(self, server: Candidate, elapsed_s: float, now: float) -> None:
        server.load -= 1
        self.ticker.now = now
        exchange = SimpleNamespace(failure=None, status=200, attempts=1)
        self._latencies.on_exchange(exchange, server, elapsed_s)

    def _ticket(self) -> int:
        ticket = next(self._block, None)
        if ticket is None:
            first = self._take_block(self.block_size)
            self._block = iter(range(first, first + self.block_size))
            ticket = next(self._block)
        return ticket

    def loads(self) -> dict[str, int]:
        return {server.id: server.load for server in self.servers.values()}

    def hear(self, reports: Sequence[dict[str, int]], place: Place, now: float) -> None:
        elsewhere: Counter[str] = Counter()
        for report in reports:
            elsewhere.update(report)
        self._reports.hear(place, elsewhere, now)


class Fleet:
    """`shares` of the traffic, one for each node; requests come at random and take `service_s` on average,
    exponentially distributed; those of server s0 `slow` times as long. `stuck`: of the first node, in flight
    on s0 for ever. A server `new` comes at `join_s`. `worst`: the load of the fullest server, over all nodes,
    averaged over time; `peaks`: the highest load of each, since the new one came."""

    def __init__(
        self,
        policy: Policy,
        shares: Sequence[float],
        *,
        servers: int = 50,
        rate: float,
        service_s: float,
        slow: float = 1.0,
        stuck: int = 0,
        join_s: float = inf,
        seed: int = 1,
    ) -> None:
        self._random = random = Random(seed)
        self._tickets = 0
        self.nodes = [
            FleetNode(policy, servers, Random(seed + 1 + n), self._take) for n in range(len(shares))
        ]
        for node, share in zip(self.nodes, shares, strict=True):
            node.block_size = max(1, int(rate * share / sum(shares) * TICKETS_S))
        self._shares, self._rate, self._service_s, self._slow = shares, rate, service_s, slow
        self.total = dict.fromkeys(self.nodes[0].servers, 0)
        self.picks = dict.fromkeys(self.nodes[0].servers, 0)
        self.total["s0"] = self.nodes[0].servers["s0"].load = stuck
        self.peaks = dict(self.total)
        self._reports = [node.loads() for node in self.nodes]
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = count()
        self.worst = 0.0
        self._at(0.0, self._arrive)
        self._at(join_s, self._join)
        for number in range(len(self.nodes)):
            self._at(random.random() * REPORT_S, lambda now, number=number: self._report(now, number))

    def run(self, until_s: float, warm_s: float = 1.0) -> Fleet:
        """`worst` is taken from `warm_s` on."""
        now = 0.0
        while self._events[0][0] < until_s:
            at, _, event = heappop(self._events)
            if at > warm_s:
                self.worst += max(self.total.values()) * (at - max(now, warm_s)) / (until_s - warm_s)
            now = at
            event(at)
        return self

    def _take(self, tickets: int) -> int:
        first, self._tickets = self._tickets, self._tickets + tickets
        return first

    def _at(self, when: float, event: Callable[[float], None]) -> None:
        heappush(self._events, (when, next(self._order), event))

    def _arrive(self, now: float) -> None:
        (node,) = self._random.choices(self.nodes, self._shares)
        server = node.pick()
        self.total[server.id] += 1
        self.picks[server.id] += 1
        self.peaks[server.id] = max(self.peaks[server.id], self.total[server.id])
        slowness = self._slow if server.id == "s0" else 1.0
        service_s = self._random.expovariate(1 / self._service_s) * slowness
        self._at(now + service_s, lambda at: self._end(node, server, service_s, at))
        self._at(now + self._random.expovariate(self._rate), self._arrive)

    def _join(self, now: float) -> None:
        for node in self.nodes:
            node.join(["new"])
        self.total["new"] = self.picks["new"] = 0
        self.peaks = dict(self.total)

    def _end(self, node: FleetNode, server: Candidate, elapsed_s: float, now: float) -> None:
        node.end(server, elapsed_s, now)
        self.total[server.id] -= 1

    def _report(self, now: float, number: int) -> None:
        self._reports[number] = self.nodes[number].loads()
        others = [report for other, report in enumerate(self._reports) if other != number]
        self.nodes[number].hear(others, Place(number, len(self.nodes)), now)
        self._at(now + REPORT_S, lambda at: self._report(at, number))
