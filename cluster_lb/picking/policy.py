"""The contract of a policy, and the table of those there are.

    snapshot -- Policy.plan, in a thread --> Plan -- bind, in the loop --> Picker -- number --> an order

A plan is pure arithmetic on a snapshot; a picker joins it with the live servers of this node, of which it
reads the loads. The number that begins a pick comes from outside: a ticket of the cluster's sequence, random
bits, or the hash of a key. The same number over the same loads gives the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeVar

from cluster_lb.model.ports import Candidate
from cluster_lb.model.snapshot import Snapshot

C = TypeVar("C", bound=Candidate)


class Numbers(Enum):
    """Where the number that begins a pick comes from."""

    TICKET = "the next ticket of the cluster's one sequence"
    RANDOM = "64 random bits"
    KEY = "a hash of 64 bits: equal keys, equal numbers"


class Picker(Protocol[C]):
    """Picks among the eligible servers. `turns`: where a ticket alone decides, the servers in the order of
    their turns (server = turns[number mod len(turns)]); else, or where that would be very long, empty."""

    turns: Sequence[C]

    def first(self, number: int) -> C | None:
        """The first of `order`, quicker, though it may be one that is `out`; None without servers."""

    def order(self, number: int) -> Iterator[C]:
        """All servers, each once, the best first. What comes later is computed when it is asked for."""


class Plan(Protocol):
    """What a policy made of a snapshot. `period`: tickets mean the same again after so many; 0 where the
    policy takes none, or has no servers."""

    @property
    def period(self) -> int: ...

    def bind(self, live: Mapping[str, C]) -> Picker[C]:
        """A picker among these live servers, which are by id and hold all of the snapshot's."""


@dataclass(frozen=True, slots=True)
class Policy:
    """`plan` may take up to tens of milliseconds for thousands of servers. `by_load`: it reads what the other
    nodes have in flight (`Candidate.elsewhere`), which is then exchanged a few times a second. `by_latency`:
    it reads `Candidate.latency_s`, which is then measured. `weighted`: servers get their shares by effective
    weight; else equal ones. `bounds_load`: as `by_load`, in a pool with a `balance_factor`."""

    plan: Callable[[Snapshot], Plan]
    numbers: Numbers
    by_load: bool = False
    by_latency: bool = False
    weighted: bool = True
    bounds_load: bool = False


#: By the names that settings use. Each policy's file ends with its registration.
POLICIES: dict[str, Policy] = {}


def goes_by_load(snapshot: Snapshot) -> bool:
    """Whether picks from this snapshot read what the other nodes have in flight."""
    policy = POLICIES[snapshot.policy]
    return policy.by_load or (policy.bounds_load and snapshot.balance_factor > 0)
