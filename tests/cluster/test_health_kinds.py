"""Servers that are checked otherwise than over HTTP: every node believes what is found."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from cluster_lb.sdk.registration import Registration
from tests.doubles.grpc_servers import NOT_SERVING, SERVING, GrpcServer
from tests.doubles.http_servers import HTTPServer, Peer
from tests.doubles.ports import free_port
from tests.doubles.real_cluster import Json, RealCluster
from tests.doubles.waiting import eventually

pytestmark = pytest.mark.cluster

QUICK = {"interval_s": 0.1, "timeout_s": 5.0}


@pytest.fixture(scope="module")
def cluster(pair: RealCluster) -> RealCluster:
    return pair


@asynccontextmanager
async def pool(cluster: RealCluster, name: str, health: dict[str, object]) -> AsyncIterator[None]:
    """A pool that all nodes know, probed so."""
    await eventually(lambda: cluster.nodes["n1"].ask("/readyz"), within_s=40.0)
    await cluster.configure(name, health=QUICK | health)
    yield


async def believed(cluster: RealCluster, name: str, server_id: str, **fields: object) -> bool:
    """Whether all nodes have these fields of the server."""
    for node in cluster.nodes.values():
        servers: list[Json] = (await node.ask(f"/v1/pools/{name}")).get("servers", [])
        if not any(
            server["id"] == server_id and all(server[key] == value for key, value in fields.items())
            for server in servers
        ):
            return False
    return True


async def test_a_grpc_server_is_down_while_it_says_not_serving(cluster: RealCluster) -> None:
    async with pool(cluster, "grpc", {"kind": "grpc", "service": "shop"}), GrpcServer() as server:
        address = str(server.address)
        async with Registration("grpc", address, id="a", redis=cluster.redis.url, drain_s=0):
            await eventually(lambda: believed(cluster, "grpc", "a", health="UP", reason="L7OK SERVING"))
            server.message = NOT_SERVING
            down = {"health": "DOWN", "reason": "L7STS NOT_SERVING"}
            await eventually(lambda: believed(cluster, "grpc", "a", **down))
            server.message = SERVING
            await eventually(lambda: believed(cluster, "grpc", "a", health="UP"))


async def test_the_words_of_an_agent_hold_on_every_node(cluster: RealCluster) -> None:
    line = b"up ready 100%\n"

    async def say(peer: Peer) -> None:
        await peer.send(line)
        await peer.close()

    async with AsyncExitStack() as stack:
        agent = await stack.enter_async_context(HTTPServer(say))
        settings = {"kind": "none", "agent": QUICK | {"port": agent.address.port}}
        await stack.enter_async_context(pool(cluster, "agent", settings))
        address = f"127.0.0.1:{free_port()}"
        options = {"id": "a", "weight": 100, "redis": cluster.redis.url, "drain_s": 0.0}
        await stack.enter_async_context(Registration("agent", address, **options))
        await eventually(lambda: believed(cluster, "agent", "a", health="UP", effective_weight=100))
        line = b"40% drain maxconn:30\n"
        said = {"effective_weight": 40, "state": "drain", "health": "UP", "share": 0.0, "max_requests": 30}
        await eventually(lambda: believed(cluster, "agent", "a", **said))
        line = b"ready down #disk full\n"
        down = {"state": "up", "health": "DOWN", "reason": "L7STS agent: disk full", "effective_weight": 40}
        await eventually(lambda: believed(cluster, "agent", "a", **down))
        line = b"up 100% maxconn:0\n"
        better = {"health": "UP", "effective_weight": 100, "max_requests": 0}
        await eventually(lambda: believed(cluster, "agent", "a", **better))


async def test_a_check_of_the_sidecar_takes_its_server_out_on_every_node(
    cluster: RealCluster, tmp_path: Path
) -> None:
    ill, port = tmp_path / "ill", str(free_port())
    check = ["--check", f"sh -c '! cat {ill} 2>/dev/null'", "--check-interval", "0.1", "--check-timeout", "9"]
    register = [sys.executable, "-m", "cluster_lb", "register", "--pool", "exec", "--id", "a"]
    where = ["--address", f"127.0.0.1:{port}", "--redis", cluster.redis.url, "--drain", "0"]
    serve = [sys.executable, "-m", "http.server", port, "--bind", "127.0.0.1"]
    async with pool(cluster, "exec", {"kind": "none"}):
        sidecar = cluster.children.start("sidecar", [*register, *where, *check, "--", *serve])
        await eventually(lambda: believed(cluster, "exec", "a", state="up", share=1.0), within_s=40.0)
        ill.write_text("disk full")
        down = {"state": "down", "state_reason": "exit 1: disk full", "share": 0.0}
        await eventually(lambda: believed(cluster, "exec", "a", **down))
        ill.unlink()
        await eventually(lambda: believed(cluster, "exec", "a", state="up", share=1.0))
        sidecar.send(signal.SIGTERM)
        await eventually(lambda: not sidecar.runs)
