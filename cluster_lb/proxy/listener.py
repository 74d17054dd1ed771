"""A listener: a bound address, its clients, and their limits."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Sequence

import structlog

from cluster_lb.errors import SettingsError
from cluster_lb.model.address import Address
from cluster_lb.proxy.acceptor import Acceptor
from cluster_lb.proxy.connection import Connection
from cluster_lb.proxy.exchange_types import ExchangeTypes
from cluster_lb.proxy.front_door import client_maker, hsts_line
from cluster_lb.proxy.ledger import Ledger
from cluster_lb.proxy.marks import Marking
from cluster_lb.proxy.request_memo import NO_MEMO
from cluster_lb.proxy.responses import own_response
from cluster_lb.proxy.router import Router
from cluster_lb.proxy.shapes import Shapes
from cluster_lb.proxy.ticker import Ticker
from cluster_lb.proxy.tracing import Tracer
from cluster_lb.settings.schema import ListenerSettings, Network
from cluster_lb.tasks import TaskSet
from cluster_lb.tls.front import Front
from cluster_lb.tls.watched import Watched

_log = structlog.get_logger("listener")

_BACKLOG = 1024  # HAProxy's default follows maxconn; Linux caps it at net.core.somaxconn


def bind(address: Address, what: str = "listener") -> socket.socket:
    """A bound socket that does not listen yet. Raises SettingsError naming `what` and the address."""
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
        raise SettingsError(f"{what} {address}", f"cannot bind: {error.strerror or error}") from None
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
        front: Watched[Front] | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self.pool_name = settings.pool
        self._sock = sock
        self.address = Address(*sock.getsockname()[:2])
        self.router = router
        self.ledger = ledger
        self.ticker = ticker
        self.tasks = tasks
        self.on_unreachable = on_unreachable
        self.clients: set[Connection] = set()
        self.recent = NO_MEMO  # the last request memo of all clients
        self.shapes = Shapes()
        self.debug_headers = settings.debug_headers
        self.front = front
        self.proto = b"https" if front else b"http"
        self.asks_for_certificates = settings.client_certificates != "off"
        self.https_port = settings.https_port
        self.response_lines = hsts_line(settings.hsts_max_age_s)
        self.marking = Marking(settings, tracer) if settings.request_id or tracer else None
        self.exchange_types = ExchangeTypes(settings, tracer)
        self.head_timeout_s = settings.head_timeout_s
        self.idle_timeout_s = settings.idle_timeout_s
        self.max_head_bytes = settings.max_head_bytes
        self.max_header_lines = settings.max_header_lines
        self.max_body_bytes = settings.max_body_bytes
        self.allow_trace = settings.allow_trace
        self._max_connections = max_connections
        self._trusted = settings.trusted_proxies
        self._server: asyncio.Server | None = None
        self._make_client = client_maker(self, settings)
        self.acceptor = self._own_acceptor(settings) if front or settings.accept_proxy else None
        self._draining = False
        self.empty = asyncio.Event()  # draining is complete: no client is left
        ticker.watch(self._check)

    async def start(self) -> None:
        """Begin to accept."""
        if self.acceptor is not None:
            self._sock.listen(_BACKLOG)
            self.acceptor.start()
            return
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._make_client, sock=self._sock, backlog=_BACKLOG)

    def _own_acceptor(self, settings: ListenerSettings) -> Acceptor:
        """For connections that begin with more than a request."""
        acceptor = Acceptor(
            self._sock,
            self.tasks,
            make_client=self._make_client,
            has_room=self._has_room,
            on_started=self._on_one_less,
        )
        front, sources = self.front, settings.proxy_protocol_from
        if front is not None:
            acceptor.speak_tls(lambda: front.value.context, settings.tls_handshake_timeout_s)
        if settings.accept_proxy:
            acceptor.expect_header(lambda peer: _among(peer, sources), settings.proxy_header_timeout_s)
        return acceptor

    def _has_room(self) -> bool:
        """Whether one more may begin; one that may not is closed without a word, which would cost a
        handshake."""
        waiting = self.acceptor.waiting if self.acceptor else 0
        if self.ledger.connections + waiting < self._max_connections:
            return True
        self.ledger.rejected += 1
        return False

    def route_by(self, router: Router) -> None:
        """Requests that come from now on take their routes by `router`."""
        self.router.retire()
        self.router = router

    def trusts(self, peer: str) -> bool:
        """Whether the forwarding fields of this peer are believed."""
        return bool(self._trusted) and _among(peer, self._trusted)

    def on_connected(self, client: Connection) -> None:
        if self.ledger.connections >= self._max_connections:
            self.ledger.rejected += 1
            self.ledger.refuse(client.peer, 503, f"more than {self._max_connections} connections")
            client.closing = True
            client.transport.write(
                own_response(
                    503, "too many connections", head_only=False, close=True, lines=self.response_lines
                )
            )
            client.transport.close()
        else:
            self.ledger.accepted += 1
        self.clients.add(client)
        self.ledger.connections += 1
        if self._draining:  # its handshake was under way
            client.drain()

    def on_disconnected(self, client: Connection) -> None:
        self.clients.discard(client)
        self.ledger.connections -= 1
        self._on_one_less()

    def _on_one_less(self) -> None:
        if self._draining and not self.clients and not (self.acceptor and self.acceptor.waiting):
            self.empty.set()

    def _check(self, now: float) -> None:
        for client in tuple(self.clients):
            client.check(now)
        if self.acceptor is not None:
            self.acceptor.on_tick(now)

    def drain(self) -> None:
        """Stop accepting; let what is under way end."""
        self._draining = True
        if self._server is not None:
            self._server.close()
        if self.acceptor is not None:
            self.acceptor.close()
        self._on_one_less()
        for client in tuple(self.clients):
            client.drain()

    def abort(self) -> None:
        """Cut off whoever is left."""
        for client in tuple(self.clients):
            client.abort()


def _among(peer: str, networks: Sequence[Network]) -> bool:
    """Whether the address is in one of the networks; without any, every one is."""
    try:
        ip = ipaddress.ip_address(peer)
    except ValueError:  # a client that was gone before it could be asked
        return False
    return not networks or any(ip in network for network in networks if network.version == ip.version)
