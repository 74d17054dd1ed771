"""Three nodes send a key to the same server; the keys of one that dies are spread, and come back to it."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from cluster_lb.demo.children import Child
from tests.doubles.real_cluster import START_S, RealCluster
from tests.doubles.waiting import eventually

pytestmark = pytest.mark.cluster

KEYS = range(1, 25)
Homes = dict[int, str]

# What a request of key number n differs by from those of other keys.
ASKS: dict[str, Any] = {
    "client_ip": lambda n: {"address": f"127.0.1.{n}"},
    "path": lambda n: {"path": f"/{n}"},
    "header:X-Tenant": lambda n: {"headers": {"x-tenant": str(n)}},
    "cookie:user": lambda n: {"headers": {"Cookie": f"theme=dark; user={n}"}},
    "query:id": lambda n: {"path": f"/?page=2&id={n}"},
    "{path}:{header:X-Tenant}": lambda n: {"path": f"/{n % 7}", "headers": {"X-Tenant": str(n)}},
}


@pytest.fixture(scope="module")
def servers(cluster: RealCluster) -> dict[str, Child]:
    """Four, as processes of their own."""
    return {server_id: cluster.start_server(server_id) for server_id in "abcd"}


async def apply(cluster: RealCluster, **pool: object) -> None:
    """The pool is this from now on, on every node."""
    await cluster.configure(**pool)
    await cluster.ready(*"abcd")


async def served_by(
    url: str, *, path: str = "/", headers: dict[str, str] | None = None, address: str = "127.0.0.1"
) -> str:
    """The server that answers, to a new connection from that address."""
    connector = aiohttp.TCPConnector(local_addr=(address, 0), force_close=True)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get(url + path, headers=headers) as response,
    ):
        assert response.status == 200
        return (await response.text()).partition(" ")[0]


async def _ask_all(url: str, hash_key: str) -> list[str]:
    return await asyncio.gather(*(served_by(url, **ASKS[hash_key](key)) for key in KEYS))


async def homes(cluster: RealCluster, hash_key: str) -> list[Homes]:
    """Key -> its server, as each node has it."""
    return [
        dict(zip(KEYS, await _ask_all(node.url, hash_key), strict=True)) for node in cluster.nodes.values()
    ]


@pytest.mark.parametrize(
    ("policy", "hash_key"), [*(("consistent_hash", key) for key in ASKS), ("rendezvous_hash", "client_ip")]
)
async def test_every_node_sends_a_key_to_the_same_server(
    cluster: RealCluster, servers: dict[str, Child], policy: str, hash_key: str
) -> None:
    await apply(cluster, policy=policy, hash_key=hash_key)
    one, two, three = await homes(cluster, hash_key)
    assert one == two == three
    assert set(one.values()) == set("abcd")


@pytest.mark.parametrize("policy", ["consistent_hash", "rendezvous_hash"])
async def test_the_keys_of_a_killed_server_are_spread_over_the_others_and_come_back(
    cluster: RealCluster, servers: dict[str, Child], policy: str
) -> None:
    await apply(cluster, policy=policy, hash_key="query:id")
    before = (await homes(cluster, "query:id"))[0]
    orphans = {key for key, server in before.items() if server == "d"}

    servers["d"].kill()
    at_once = (await homes(cluster, "query:id"))[1]  # no request fails meanwhile
    assert {key: home for key, home in at_once.items() if key not in orphans} == {
        key: home for key, home in before.items() if key not in orphans
    }
    await eventually(lambda: _without(cluster, "d"), START_S)
    one, two, three = await homes(cluster, "query:id")
    assert one == two == three
    assert {key for key in KEYS if one[key] != before[key]} == orphans
    assert len({one[key] for key in orphans}) > 1

    servers["d"] = cluster.start_server("d")
    await cluster.ready(*"abcd")
    assert await homes(cluster, "query:id") == [before] * 3


async def _without(cluster: RealCluster, server_id: str) -> bool:
    """Whether all nodes give the server nothing, and each of the others its share."""
    servers = await cluster.agreed()
    return {name for name, server in servers.items() if server["share"]} == set("abcd") - {server_id}
