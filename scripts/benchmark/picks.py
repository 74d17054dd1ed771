"""What a pick costs and how long a plan takes: a table over all policies and several sizes of a pool.

All servers have load, other nodes' too, latencies and unlike weights, so no policy finds a short way out. Of
each figure the least of many runs is shown: what else the machine does only makes it worse.
"""

from __future__ import annotations

import sys
import timeit
from collections.abc import Iterator, Sequence
from random import Random
from time import perf_counter

from cluster_lb.model.address import Address
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking import POLICIES, Numbers, Picker, compile_policy

SIZES = (10, 100, 1_000, 10_000)
PICKS = 20  # of one run: short enough to fall between two interruptions
RUNS = 2_000
PLANS = 5
WEIGHTS = (1, 1, 2, 3, 5, 10, 100)


class BusyServer:
    """A live server that has something of everything."""

    __slots__ = ("elsewhere", "id", "latency_s", "load", "out", "surplus")

    def __init__(self, server_id: str, random: Random) -> None:
        self.id = server_id
        self.load = random.randrange(1, 20)
        self.elsewhere = random.randrange(100)
        self.surplus = random.randrange(3)
        self.latency_s = random.uniform(0.001, 0.1)
        self.out = False


def pool(policy: str, size: int, random: Random) -> Snapshot:
    """A snapshot of so many servers, looked through once, as every new one is."""
    servers = tuple(
        Server(f"s{number:05}", Address("10.0.0.1", 80), effective_weight=random.choice(WEIGHTS))
        for number in range(size)
    )
    snapshot = Snapshot("web", 1, policy, 0.5, servers)
    assert snapshot.eligible
    return snapshot


def build_s(policy: str, size: int, random: Random) -> tuple[float, float, Picker[BusyServer]]:
    """Seconds for a plan (in a thread) and for a picker (between requests), and the picker."""
    live = {f"s{number:05}": BusyServer(f"s{number:05}", random) for number in range(size)}
    snapshot = pool(policy, size, random)
    plan_s = bind_s = float("inf")
    for _ in range(PLANS):
        begin = perf_counter()
        plan = compile_policy(snapshot)
        planned = perf_counter()
        picker = plan.bind(live)
        plan_s = min(plan_s, planned - begin)
        bind_s = min(bind_s, perf_counter() - planned)
    return plan_s, bind_s, picker


def pick_s(picker: Picker[BusyServer], numbers: Sequence[int], runs: int) -> float:
    """Seconds for one pick."""
    first = picker.first

    def picks() -> None:
        for number in numbers:
            first(number)

    return min(timeit.repeat(picks, number=1, repeat=runs)) / len(numbers)


def rows(sizes: Sequence[int], runs: int = RUNS) -> Iterator[list[str]]:
    """A row for each policy: its picks in microseconds by size, then what the largest pool takes to build."""
    for name in sorted(POLICIES):
        random = Random(1)
        costs = []
        for size in sizes:
            plan_s, bind_s, picker = build_s(name, size, random)
            tickets = POLICIES[name].numbers is Numbers.TICKET
            numbers = [7919 + n if tickets else random.getrandbits(64) for n in range(PICKS)]
            costs.append(f"{pick_s(picker, numbers, runs) * 1e6:.2f}")
        yield [f"`{name}`", *costs, f"{plan_s * 1e3:.0f}", f"{bind_s * 1e3:.0f}"]


def main(sizes: Sequence[int] = SIZES, runs: int = RUNS) -> None:
    header = ["policy", *(f"pick of {size:,}, µs" for size in sizes)]
    header += [f"plan of {sizes[-1]:,}, ms", "picker of it, ms"]
    print("|", " | ".join(header), "|")
    print("|", " | ".join("---" for _ in header), "|")
    for row in rows(sizes, runs):
        print("|", " | ".join(row), "|", flush=True)


if __name__ == "__main__":
    sys.exit(main())
