"""What a pick costs and how long a plan takes: a table over all policies and several sizes of a pool.

All servers have load, other nodes' too, latencies and unlike weights, so no policy finds a short way out. Of
each figure the least of many runs is shown: what else the machine does only makes it worse.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from time import perf_counter, process_time

from cluster_lb.model.address import Address
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking import POLICIES, Numbers, Picker, Plan, compile_policy

SIZES = (10, 100, 1_000, 10_000)
PICKS = 20  # of one run: short enough to fall between two interruptions
TAKE_S = 0.5  # for each figure: runs are repeated so long
LEAST_RUNS = 3  # however long they take
WEIGHTS = (1, 1, 2, 3, 5, 10, 100)


@dataclass(frozen=True)
class Row:
    """`again`: the same numbers in each run; else new ones, as of keys that nobody has seen."""

    policy: str
    balance_factor: float = 0.0
    again: bool = True


ROWS = {f"`{name}`": Row(name) for name in sorted(POLICIES)} | {
    "`consistent_hash` with a `balance_factor`": Row("consistent_hash", balance_factor=1.25),
    "`rendezvous_hash`, of new keys": Row("rendezvous_hash", again=False),
}


class BusyServer:
    """A live server that has something of everything."""

    __slots__ = ("elsewhere", "id", "latency_s", "leeway", "load", "out", "surplus")

    def __init__(self, server_id: str, random: Random) -> None:
        self.id = server_id
        self.load = random.randrange(1, 20)
        self.elsewhere = random.randrange(100)
        self.surplus = random.randrange(3)
        self.leeway = random.uniform(0, 5)
        self.latency_s = random.uniform(0.001, 0.1)
        self.out = False


def pool(policy: str, balance_factor: float, size: int, random: Random) -> Snapshot:
    """A snapshot of so many servers, looked through once, as every new one is."""
    servers = tuple(
        Server(f"s{number:05}", Address("10.0.0.1", 80), effective_weight=random.choice(WEIGHTS))
        for number in range(size)
    )
    snapshot = Snapshot("web", 1, policy, 0.5, servers, balance_factor=balance_factor)
    assert snapshot.eligible
    return snapshot


def least_s(
    work: Callable[[], object],
    clock: Callable[[], float],
    take_s: float,
    prepare: Callable[[], object] = lambda: None,
) -> float:
    """What `work` takes by the clock, in seconds: the least of as many runs as fit into `take_s`; `prepare`
    is called before each, and not counted."""
    least, until, runs = float("inf"), perf_counter() + take_s, 0
    while runs < LEAST_RUNS or perf_counter() < until:
        prepare()
        begin = clock()
        work()
        least = min(least, clock() - begin)
        runs += 1
    return least


def build_s(plan: Callable[[], Plan], live: dict[str, BusyServer], take_s: float) -> tuple[float, float]:
    """CPU seconds for a plan (in a thread) and for a picker (between requests)."""
    planned = plan()
    return least_s(plan, process_time, take_s), least_s(lambda: planned.bind(live), process_time, take_s)


def pick_s(picker: Picker[BusyServer], draw: Callable[[], list[int]], again: bool, take_s: float) -> float:
    """Seconds for one pick, of numbers that `draw` gives."""
    first, numbers = picker.first, draw()

    def picks() -> None:
        for number in numbers:
            first(number)

    def renew() -> None:
        if not again:
            numbers[:] = draw()

    return least_s(picks, perf_counter, take_s, renew) / len(numbers)


def row(label: str, sizes: Sequence[int], take_s: float) -> Iterator[str]:
    """What is measured, its picks in microseconds by size, then milliseconds to build the largest pool's."""
    random, measured = Random(1), ROWS[label]
    tickets = POLICIES[measured.policy].numbers is Numbers.TICKET
    yield label
    for size in sizes:
        snapshot = pool(measured.policy, measured.balance_factor, size, random)
        live = {server.id: BusyServer(server.id, random) for server in snapshot.servers}
        picker = compile_policy(snapshot).bind(live)
        seconds = pick_s(
            picker,
            lambda: [7919 + n if tickets else random.getrandbits(64) for n in range(PICKS)],
            measured.again,
            take_s,
        )
        yield f"{seconds * 1e6:.2f}"
    for seconds in build_s(lambda: compile_policy(snapshot), live, take_s):
        yield f"{seconds * 1e3:.1f}"


def main(sizes: Sequence[int] = SIZES, take_s: float = TAKE_S) -> None:
    header = ["policy", *(f"pick of {size:,}, µs" for size in sizes)]
    header += [f"plan of {sizes[-1]:,}, ms", "picker of it, ms"]
    print("|", " | ".join(header), "|")
    print("|", " | ".join("---" for _ in header), "|")
    for label in ROWS:
        print("|", " | ".join(row(label, sizes, take_s)), "|", flush=True)


if __name__ == "__main__":
    sys.exit(main())
