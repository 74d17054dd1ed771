"""Policies that go by a key: how evenly keys spread, and how many move when a server comes or goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

from cluster_lb.model.locality import Locality
from cluster_lb.picking import POLICIES, Numbers
from scripts.simulation.events import Events
from scripts.simulation.node import Seen
from scripts.simulation.pool import plan_of, pool_of
from scripts.simulation.scenario import Kind
from scripts.simulation.section import Section, Table
from scripts.simulation.server import Server
from scripts.simulation.study import Options

KEYS = 5  # a request of a usual simulation stands for so many keys here
COUNTS = (10, 50, 200)
TITLE = "Keys that move when a server joins or leaves"
COLUMNS = (
    "policy",
    "servers",
    "one more: 1/(n+1) must move",
    "keys that move",
    "one fewer: 1/n must move",
    "keys that move",
    "most keys on a server, of the mean",
)


def movement(options: Options) -> Section | None:
    """The study; None without a policy that goes by a key."""
    policies = [name for name in options.policies if POLICIES[name].numbers is Numbers.KEY]
    if not policies:
        return None
    random = Random(f"{options.seed} keys")
    keys = [random.getrandbits(64) for _ in range(KEYS * options.requests)]
    rows = [_row(policy, count, keys) for policy in policies for count in COUNTS]
    text = f"{len(keys):,} keys, all servers of one weight. A key has moved when its first server is another."
    return Section(TITLE, text, Table(COLUMNS, rows))


def _row(policy: str, count: int, keys: Sequence[int]) -> list[str]:
    before, more, fewer = (
        homes(policy, [f"server-{number:03}" for number in numbers], keys)
        for numbers in (range(count), range(count + 1), range(1, count))
    )
    most = max(Counter(before).values()) * count / len(keys)
    return [
        policy,
        str(count),
        f"{1 / (count + 1):.2%}",
        f"{moved(before, more):.2%}",
        f"{1 / count:.2%}",
        f"{moved(before, fewer):.2%}",
        f"{most:.3f}",
    ]


def homes(policy: str, ids: Sequence[str], keys: Sequence[int]) -> list[str]:
    """The first server of each key, where nothing is in flight."""
    seen = {server_id: Seen(Server(server_id, Kind(), Events(), Random(0))) for server_id in ids}
    picker = plan_of(pool_of(dict.fromkeys(ids, 1), policy), Locality()).bind(seen)
    return [server.id for key in keys if (server := picker.first(key))]


def moved(before: Sequence[str], after: Sequence[str]) -> float:
    """The share of keys that have another server, 0..1."""
    return sum(map(str.__ne__, before, after)) / len(before)
