"""The processes of a cluster on this machine: one Valkey, nodes, servers."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from cluster_lb.demo.children import Child, Children, Ports
from cluster_lb.errors import ClusterLBError
from cluster_lb.store.embedded import binary

# Looked at first, so that the addresses are easy to type; free ones are taken where they are not.
_REDIS_PORT, _LISTENER_PORT, _ADMIN_PORT, _SERVER_PORT = 6390, 8081, 9901, 9001

_SETTINGS = """\
[node]
id = "{id}"
admin = "127.0.0.1:{admin}"
[redis]
url = "{redis}"
[[listeners]]
bind = "127.0.0.1:{port}"
pool = "web"
debug_headers = true
[pools.web.health]
kind = "http"
path = "/healthz"
interval_s = 1.0
"""


@dataclass(slots=True)
class Place:
    """A node or a server: where it listens, and the process that is there now."""

    id: str
    port: int
    admin: int = 0
    weight: int = 1
    child: Child = field(init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{self.admin}"


class DemoCluster:
    """A cluster whose processes are `children`. `weights`: server id -> weight.

    Methods start and end processes; whether they are ready is for `Watch` to say.
    """

    def __init__(self, children: Children, nodes: int, weights: Mapping[str, int]) -> None:
        self._children = children
        ports = Ports()
        self.redis_port = ports.pick(_REDIS_PORT)
        self.redis: Child
        self.nodes = {
            f"node-{n}": Place(
                f"node-{n}", ports.pick(_LISTENER_PORT + n - 1), ports.pick(_ADMIN_PORT + n - 1)
            )
            for n in range(1, nodes + 1)
        }
        self.servers = {
            server_id: Place(server_id, ports.pick(_SERVER_PORT + n), weight=weight)
            for n, (server_id, weight) in enumerate(weights.items())
        }

    @property
    def redis_url(self) -> str:
        return f"redis://127.0.0.1:{self.redis_port}/0"

    def start(self) -> None:
        """Start everything; nodes and servers wait for Redis by themselves."""
        self.start_redis()
        for node_id in self.nodes:
            self.start_node(node_id)
        for server_id in self.servers:
            self.start_server(server_id)

    def start_redis(self) -> None:
        options = ["--port", str(self.redis_port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.redis = self._children.start("redis", [str(binary()), *options])

    def start_node(self, node_id: str) -> None:
        node = self.nodes[node_id]
        settings = self._children.folder / f"{node_id}.toml"
        settings.write_text(
            _SETTINGS.format(id=node_id, admin=node.admin, redis=self.redis_url, port=node.port)
        )
        node.child = self._python(node_id, "cluster_lb", "serve", "--config", str(settings))

    def start_server(self, server_id: str) -> None:
        server = self.servers[server_id]
        options = ["--id", server_id, "--port", str(server.port), "--redis", self.redis_url]
        options += ["--weight", str(server.weight)]
        server.child = self._python(server_id, "cluster_lb.demo.server", *options)

    def freeze_redis(self) -> None:
        """Redis stays there, connected, and answers nothing."""
        self.redis.send(signal.SIGSTOP)

    def thaw_redis(self) -> None:
        self.redis.send(signal.SIGCONT)

    def check(self) -> None:
        """ClusterLBError when a process has ended that should run."""
        places = [*self.nodes.values(), *self.servers.values()]
        for child in [self.redis, *(place.child for place in places)]:
            if not child.runs:
                raise ClusterLBError(f"{child.name} ended: {child.last_words()} (see {child.log})")

    def _python(self, name: str, module: str, *arguments: str) -> Child:
        return self._children.start(name, [sys.executable, "-m", module, *arguments])
