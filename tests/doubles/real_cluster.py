"""A cluster of real processes: one Valkey, nodes, and servers in the test's own process."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Unpack

import aiohttp
import psutil
from aiohttp import web

from cluster_lb.demo.children import Child, Children
from cluster_lb.demo.client import Client
from cluster_lb.demo.traffic import Tally, Traffic
from cluster_lb.sdk.aiohttp_ctx import registered
from cluster_lb.sdk.options import RegistrationOptions
from cluster_lb.sdk.registration import Registration
from cluster_lb.sdk.report import system_report
from cluster_lb.settings.schema import PoolSettings, RouteSettings
from cluster_lb.store.client import Store
from cluster_lb.store.pools import PoolConfigs
from cluster_lb.store.registry import Registry
from tests.doubles.ports import free_port
from tests.doubles.redis_servers import RedisServer
from tests.doubles.waiting import eventually

START_S = 40.0  # a machine that does other things meanwhile
Json = dict[str, Any]

# Quick probes, so that verdicts come soon; unused connections to servers are given up soon.
POOL: Json = {
    "health": {"kind": "http", "path": "/healthz", "interval_s": 0.2},
    "timeouts": {"upstream_idle_s": 1.0},
}
# The same for a pool that nobody has configured yet; no test waits for the grace time.
SETTINGS = """\
[node]
id = "{id}"
admin = "127.0.0.1:{admin}"
grace_s = 300.0
[redis]
url = "{redis}"
[[listeners]]
bind = "127.0.0.1:{port}"
pool = "web"
[pools.web.health]
kind = "http"
path = "/healthz"
interval_s = 0.2
[pools.web.timeouts]
upstream_idle_s = 1.0
"""


@dataclass
class NodeProcess:
    """One `cluster-lb serve`."""

    id: str
    port: int
    admin: int
    child: Child

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def ask(self, path: str) -> Json:
        """What its admin API answers; empty when it does not."""
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{self.admin}{path}", raise_for_status=True) as response,
            ):
                found: Json = await response.json()
                return found
        except aiohttp.ClientError:
            return {}

    async def servers(self) -> dict[str, Json]:
        """The servers of pool `web`, by id."""
        return {server["id"]: server for server in (await self.ask("/v1/pools/web")).get("servers", ())}

    async def knows(self, *node_ids: str) -> bool:
        """Whether it takes exactly these nodes for members."""
        return {node["id"] for node in (await self.ask("/v1/nodes")).get("nodes", ())} == set(node_ids)

    def connections(self, *, but: int) -> set[tuple[int, int]]:
        """Its open TCP connections as (own port, other's port), without those to port `but`."""
        return {
            (connection.laddr.port, connection.raddr.port)
            for connection in psutil.Process(self.child.pid).net_connections("tcp")
            if connection.raddr and connection.raddr.port != but
        }

    def files(self) -> list[str]:
        """What its file descriptors name, sockets aside."""
        names = []
        for descriptor in Path(f"/proc/{self.child.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                names.append(str(descriptor.readlink()))
        return sorted(name for name in names if not name.startswith("socket:"))


@dataclass
class RealCluster:
    """Nodes over `redis`, whose processes are `children`."""

    redis: RedisServer
    children: Children
    nodes: dict[str, NodeProcess] = field(default_factory=dict)
    servers: list[Child] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.children.folder

    def start_node(self, node_id: str, *options: str) -> NodeProcess:
        """`options`: of `serve`, in place of a settings file."""
        port, admin = free_port(), free_port()
        if options:
            own = ["--id", node_id, "--redis", self.redis.url, "--admin", f"127.0.0.1:{admin}"]
            arguments = [*own, "--listen", f"127.0.0.1:{port}=web", *options]
        else:
            file = self.folder / f"{node_id}.toml"
            file.write_text(SETTINGS.format(id=node_id, admin=admin, redis=self.redis.url, port=port))
            arguments = ["--config", str(file)]
        child = self.children.start(node_id, [sys.executable, "-m", "cluster_lb", "serve", *arguments])
        self.nodes[node_id] = NodeProcess(node_id, port, admin, child)
        return self.nodes[node_id]

    def start_server(self, server_id: str, zone: str = "") -> Child:
        """A server as a process of its own, to be killed."""
        own = ["--id", server_id, "--zone", zone]
        options = [*own, "--port", str(free_port()), "--redis", self.redis.url]
        child = self.children.start(server_id, [sys.executable, "-m", "cluster_lb.demo.server", *options])
        self.servers.append(child)
        return child

    async def configure(
        self, pool: str = "web", /, *, routes: Sequence[RouteSettings] = (), **settings: object
    ) -> None:
        """What `apply` does: these settings for one pool, the defaults for all others, and these routes."""
        wanted = PoolSettings.model_validate(POOL | settings)
        async with Store.from_url(self.redis.url, command_timeout_s=5.0) as store:
            await PoolConfigs(store).apply({pool: wanted}, routes)

    async def clear(self) -> None:
        """No servers, nor what was said of any, no routes, the settings that it began with."""
        for child in self.servers:
            child.kill()
        self.servers.clear()
        async with Store.from_url(self.redis.url, command_timeout_s=5.0) as store:
            for key in await store.call("KEYS", "lb:{*}:server:*"):
                pool, server_id = key.removeprefix("lb:{").split("}:server:")
                await Registry(store).remove(pool, server_id)
        await self.configure()

    async def ready(self, *server_ids: str) -> None:
        """Return when all nodes serve exactly these servers at the same epoch, found up by probes."""
        await eventually(lambda: self._serves(set(server_ids)), START_S)

    async def _serves(self, server_ids: set[str]) -> bool:
        seen = [await node.ask("/readyz") for node in self.nodes.values()]
        if not all(answer.get("ready") for answer in seen):
            return False
        servers = await self.agreed()
        return servers.keys() == server_ids and all(one["health"] == "UP" for one in servers.values())

    async def agreed(self) -> dict[str, Json]:
        """The servers of pool `web`, by id, when all nodes are members and serve one epoch; else none."""
        node = next(iter(self.nodes.values()))
        pool, members = await node.ask("/v1/pools/web"), (await node.ask("/v1/nodes")).get("nodes", ())
        if {member["id"] for member in members} != set(self.nodes):
            return {}
        if any(member["epochs"].get("web") != pool.get("epoch") for member in members):
            return {}
        return {server["id"]: server for server in pool.get("servers", ())}

    async def send(self, counts: Mapping[str, int], concurrency: int = 4) -> Counter[str]:
        """So many requests through each node, mixed; how many each server answered. All must be answered."""
        order = [node for node, count in counts.items() for _ in range(count)]
        Random(1).shuffle(order)
        tally = Tally()
        waiting = iter(order)

        async def one_client(client: Client) -> None:
            for node in waiting:
                tally.add(await client.fetch([node]))

        async with Client(self._urls()) as client:
            await asyncio.gather(*(one_client(client) for _ in range(concurrency)))
        assert not tally.failed, tally.problems
        return tally.by_server

    @asynccontextmanager
    async def under_load(self, rate: float = 300.0, kind: type[Client] = Client) -> AsyncIterator[Tally]:
        """Steady traffic through all nodes of now; clients go on to another node when one is gone."""
        tally = Tally()
        async with kind(self._urls()) as client:
            traffic = Traffic(client, list(self.nodes), tally, rate=rate, clients=16, random=Random(1))
            running = asyncio.ensure_future(traffic.run())
            try:
                await eventually(lambda: tally.answered > 50)
                yield tally
                sofar = tally.answered + tally.failed
                await eventually(lambda: tally.answered + tally.failed > sofar + 50)
                assert not running.done()
            finally:
                running.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await running

    def _urls(self) -> dict[str, str]:
        return {node.id: node.url for node in self.nodes.values()}


@contextmanager
def real_cluster(folder: Path, node_ids: Sequence[str]) -> Iterator[RealCluster]:
    """A cluster of these nodes that starts; ended on the way out."""
    redis = RedisServer(folder)
    redis.start()
    try:
        with Children(folder) as children:
            cluster = RealCluster(redis, children)
            for node_id in node_ids:
                cluster.start_node(node_id)
            yield cluster
    finally:
        redis.thaw()
        redis.kill()


class Backend:
    """A server in the test's own process, registered in `pool`. `healthy`: what its health check says;
    `open`: requests to /slow, which end when `release` is set; `figures`: its report, None: the machine's;
    `registration`: while it runs."""

    registration: Registration

    def __init__(
        self,
        server_id: str,
        redis: str,
        weight: int = 1,
        pool: str = "web",
        **options: Unpack[RegistrationOptions],
    ) -> None:
        self.id = server_id
        self.healthy = True
        self.open = 0
        self.figures: Mapping[str, float] | None = None
        self.release = asyncio.Event()
        self._redis = redis
        self._weight = weight
        self._pool = pool
        self._options = options

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Backend]:
        port = free_port()
        app = web.Application()
        context = registered(
            self._pool,
            f"127.0.0.1:{port}",
            **{
                "id": self.id,
                "redis": self._redis,
                "weight": self._weight,
                "report": lambda: system_report() if self.figures is None else self.figures,
                **self._options,
            },
        )
        self.registration = context.registration
        app.cleanup_ctx.append(context)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/slow", self._slow)
        app.router.add_get("/", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        try:
            yield self
        finally:
            await site.stop()
            for _ in range(
                5
            ):  # rounds of the loop: what was just accepted becomes a connection, to be closed
                await asyncio.sleep(0)
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        return web.Response(text=f"{self.id} \n")

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.Response(status=200 if self.healthy else 503)

    async def _slow(self, request: web.Request) -> web.Response:
        self.open += 1
        try:
            await self.release.wait()
        finally:
            self.open -= 1
        return await self._answer(request)


@asynccontextmanager
async def backends(redis: str, weights: Mapping[str, int]) -> AsyncIterator[dict[str, Backend]]:
    """Registered servers with these weights."""
    async with AsyncExitStack() as stack:
        yield {
            server_id: await stack.enter_async_context(Backend(server_id, redis, weight).running())
            for server_id, weight in weights.items()
        }
