"""A listener: a bound address, its clients, and their limits."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable

import structlog

from cluster_lb.errors import SettingsError
from cluster_lb.model.address import Address
from cluster_lb.proxy.client import ClientConnection
from cluster_lb.proxy.ledger import Ledger
from cluster_lb.proxy.responses import own_response
from cluster_lb.proxy.router import Router
from cluster_lb.proxy.ticker import Ticker
from cluster_lb.settings.schema import ListenerSettings
from cluster_lb.tasks import TaskSet

_log = structlog.get_logger("listener")

_BACKLOG = 1024  # HAProxy's default follows maxconn; Linux caps it at net.core.somaxconn


def bind(address: Address) -> socket.socket:
    """A bound socket that does not listen yet. Raises SettingsError naming the address."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        info = socket.getaddrinfo(address.host, address.port, family, socket.SOCK_STREAM)[0]
        bound = socket.socket(*info[:3])  # asyncio sets TCP_NODELAY only where the protocol is spelled out
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(info[4])
        except OSError:
            bound.close()
            raise
    except OSError as error:
        raise SettingsError(f"listener {address}", f"cannot bind: {error.strerror or error}") from None
    bound.setblocking(False)
    return bound


class Listener:
    """Accepts clients on `sock`. Shared state of its connections: limits, router, ledger.

    `address`: where it listens, with the port that was given out for port 0.
    """

    def __init__(
        self,
        settings: ListenerSettings,
        sock: socket.socket,
        router: Router,
        ledger: Ledger,
        ticker: Ticker,
        tasks: TaskSet,
        on_unreachable: Callable[[str, str, str], None],
        max_connections: int,
    ) -> None:
        self.pool_name = settings.pool
        self._sock = sock
        self.address = Address(*sock.getsockname()[:2])
        self.router = router
        self.ledger = ledger
        self.ticker = ticker
        self.tasks = tasks
        self.on_unreachable = on_unreachable
        self.clients: set[ClientConnection] = set()
        self.debug_headers = settings.debug_headers
        self.head_timeout_s = settings.head_timeout_s
        self.idle_timeout_s = settings.idle_timeout_s
        self.max_head_bytes = settings.max_head_bytes
        self.max_header_lines = settings.max_header_lines
        self.max_body_bytes = settings.max_body_bytes
        self.allow_trace = settings.allow_trace
        self._max_connections = max_connections
        self._trusted = settings.trusted_proxies
        self._server: asyncio.Server | None = None
        self._draining = False
        self.empty = asyncio.Event()  # draining is complete: no client is left
        ticker.watch(self._check)

    async def start(self) -> None:
        """Begin to accept."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: ClientConnection(self), sock=self._sock, backlog=_BACKLOG
        )

    def trusts(self, peer: str) -> bool:
        """Whether the forwarding fields of this peer are believed."""
        if not self._trusted:
            return False
        ip = ipaddress.ip_address(peer)
        return any(ip in network for network in self._trusted if network.version == ip.version)

    def on_connected(self, client: ClientConnection) -> None:
        if self.ledger.connections >= self._max_connections:
            self.ledger.rejected += 1
            self.ledger.refuse(client.peer, 503, f"more than {self._max_connections} connections")
            client.closing = True
            client.transport.write(own_response(503, "too many connections", head_only=False, close=True))
            client.transport.close()
        else:
            self.ledger.accepted += 1
        self.clients.add(client)
        self.ledger.connections += 1

    def on_disconnected(self, client: ClientConnection) -> None:
        self.clients.discard(client)
        self.ledger.connections -= 1
        if self._draining and not self.clients:
            self.empty.set()

    def _check(self, now: float) -> None:
        for client in tuple(self.clients):
            client.check(now)

    def drain(self) -> None:
        """Stop accepting; let what is under way end."""
        self._draining = True
        if self._server is not None:
            self._server.close()
        if not self.clients:
            self.empty.set()
        for client in tuple(self.clients):
            client.drain()

    def abort(self) -> None:
        """Cut off whoever is left."""
        for client in tuple(self.clients):
            client.abort()
