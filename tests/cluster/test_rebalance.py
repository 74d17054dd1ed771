"""While weights, servers and health change under traffic, no server gets a burst."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count

import pytest
from aiohttp import web

from cluster_lb.demo.client import Answer, Client
from cluster_lb.model.availability import AdminState
from cluster_lb.store.client import Store
from cluster_lb.store.registry import Registry
from tests.doubles.real_cluster import Backend, RealCluster
from tests.doubles.waiting import eventually

pytestmark = pytest.mark.cluster

RATE = 300.0
WINDOWS = (60, 150)  # requests: a fifth of a second, and half of one
SLACK = 6 * 3  # 6 for each node: see docs/policies.md


class CountedBackend(Backend):
    """One that adds its id to `order` with each request."""

    order: list[str]

    async def _answer(self, request: web.Request) -> web.Response:
        self.order.append(self.id)
        return await super()._answer(request)


class KeyedClient(Client):
    """Each of its requests has a key of its own."""

    _keys = count()

    async def fetch(self, order: Sequence[str], path: str = "/") -> Answer:
        return await super().fetch(order, f"{path}?id={next(self._keys)}")


class Watched:
    """Servers under traffic. `order`: who served each request so far. What a server may have above its share:
    fewer than `slack`, and `chance` standard deviations of as many draws."""

    def __init__(
        self, cluster: RealCluster, registry: Registry, stack: AsyncExitStack, slack: int, chance: float
    ) -> None:
        self._slack, self._chance = slack, chance
        self.order: list[str] = []
        self.servers: dict[str, CountedBackend] = {}
        self.registry = registry
        self._shares = dict.fromkeys("abc", 1 / 3)
        self._cluster = cluster
        self._stack = stack

    async def start(self, server_id: str) -> None:
        server = CountedBackend(server_id, self._cluster.redis.url)
        server.order = self.order
        self.servers[server_id] = await self._stack.enter_async_context(server.running())

    async def health(self, server_id: str, healthy: bool) -> None:
        self.servers[server_id].healthy = healthy

    async def _served(self, count: int) -> None:
        """Wait for so many more requests."""
        goal = len(self.order) + count
        await eventually(lambda: len(self.order) >= goal, 30.0)

    async def over(self, change: Awaitable[object], shares: dict[str, float]) -> None:
        """Make a change after which these are the shares, and hold every server to its own, from half a
        second before it until half a second after the last node has seen it."""
        begin = len(self.order)
        await self._served(WINDOWS[-1])
        await change
        await eventually(lambda: self._follows(shares), 20.0)
        await self._served(WINDOWS[-1])
        bounds = {server: max(share, self._shares.get(server, 0.0)) for server, share in shares.items()}
        self._shares = shares
        for window in WINDOWS:
            worst = excess(self.order[begin:], bounds, window, self._chance)
            assert worst < self._slack, f"on the way to {shares}: {worst:.1f} too many in {window} requests"

    async def _follows(self, shares: dict[str, float]) -> bool:
        servers = await self._cluster.agreed()
        return {name: one["share"] for name, one in servers.items()} == pytest.approx(shares, abs=1e-5)


def excess(order: list[str], shares: dict[str, float], window: int, chance: float) -> float:
    """By how many requests the worst server is above its share of any `window` requests in a row, and above
    what chance explains."""
    counts = Counter(order[:window])
    bounds = {
        server: share * window + chance * math.sqrt(window * share * (1 - share))
        for server, share in shares.items()
    }
    worst = -math.inf
    for leaves, comes in zip(order, [*order[window:], ""], strict=False):
        worst = max(worst, *(count - bounds[server] for server, count in counts.items()))
        counts[leaves] -= 1
        counts[comes] += 1
        counts.pop("", None)
    return worst


@asynccontextmanager
async def watched(
    cluster: RealCluster, slack: int = SLACK, chance: float = 0.0, kind: type[Client] = Client
) -> AsyncIterator[Watched]:
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(Store.from_url(cluster.redis.url, command_timeout_s=5.0))
        found = Watched(cluster, Registry(store), stack, slack, chance)
        for server_id in "abc":
            await found.start(server_id)
        await cluster.ready("a", "b", "c")
        await stack.enter_async_context(cluster.under_load(RATE, kind))
        yield found


async def test_no_server_gets_a_burst_when_weights_servers_and_health_change(cluster: RealCluster) -> None:
    async with watched(cluster) as found:
        mark, weigh = found.registry.set_admin_state, found.registry.set_weight
        each_of_four = dict.fromkeys("abcd", 1 / 4)
        await found.over(weigh("web", "a", 4), {"a": 2 / 3, "b": 1 / 6, "c": 1 / 6})
        await found.over(weigh("web", "a", 1), dict.fromkeys("abc", 1 / 3))
        await found.over(found.start("d"), each_of_four)
        await found.over(found.health("b", False), {"a": 1 / 3, "b": 0.0, "c": 1 / 3, "d": 1 / 3})
        await found.over(found.health("b", True), each_of_four)
        await found.over(mark("web", "c", AdminState.DRAIN), {"a": 1 / 3, "b": 1 / 3, "c": 0.0, "d": 1 / 3})
        await found.over(mark("web", "c", AdminState.READY), each_of_four)


# Where picks take turns, the number of nodes bounds them; by load they leave their turns now and then.
@pytest.mark.parametrize(
    ("policy", "slack", "chance"),
    [("least_requests", SLACK, 2.0), ("two_choices", 6, 5.0), ("consistent_hash", 6, 5.0)],
)
async def test_nor_does_one_where_picks_go_by_load_or_by_a_key(
    cluster: RealCluster, policy: str, slack: int, chance: float
) -> None:
    keyed = policy == "consistent_hash"
    await cluster.configure(policy=policy, **({"hash_key": "query:id"} if keyed else {}))
    async with watched(cluster, slack, chance, KeyedClient if keyed else Client) as found:
        await found.over(found.registry.set_weight("web", "a", 4), {"a": 2 / 3, "b": 1 / 6, "c": 1 / 6})
        await found.over(found.start("d"), {"a": 4 / 7, "b": 1 / 7, "c": 1 / 7, "d": 1 / 7})
        await found.over(found.health("a", False), {"a": 0.0, "b": 1 / 3, "c": 1 / 3, "d": 1 / 3})
        await found.over(found.health("a", True), {"a": 4 / 7, "b": 1 / 7, "c": 1 / 7, "d": 1 / 7})
