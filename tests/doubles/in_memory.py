"""The data path without sockets: bytes of a client in, what servers and the client get out."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cluster_lb.clock import SystemClock
from cluster_lb.model.address import Address
from cluster_lb.model.server import Server
from cluster_lb.model.snapshot import Snapshot
from cluster_lb.picking import compile_policy
from cluster_lb.proxy.client import ClientConnection
from cluster_lb.proxy.ledger import Ledger
from cluster_lb.proxy.listener import Listener, bind
from cluster_lb.proxy.pool import LivePool
from cluster_lb.proxy.router import Router
from cluster_lb.proxy.ticker import Ticker
from cluster_lb.proxy.upstream import UpstreamConnection
from cluster_lb.settings.schema import ListenerSettings, PoolSettings
from cluster_lb.tasks import TaskSet

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


class MemoryTransport:
    """Takes what is written, and remembers how it ended."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = self.aborted = False

    def write(self, data: bytes) -> None:
        assert data, "an empty write"
        if not self.closed:
            self.written += data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """The other side hears of it here by the close that follows."""

    def pause_reading(self) -> None:
        """Nobody reads on its own here."""

    def resume_reading(self) -> None:
        """Nobody reads on its own here."""

    def set_protocol(self, protocol: Any) -> None:
        """Tunnels are fed directly."""

    def get_extra_info(self, name: str) -> Any:
        return ("192.0.2.1", 1234) if name == "peername" else None


class Tickets:
    """All the same one."""

    def take(self) -> int:
        return 0

    def adopt(self, epoch: int, period: int) -> None:
        """Nothing changes."""


@dataclass
class Outcome:
    """`forwarded`: the bytes of each request that the server got whole, in order. `refused`: a request was,
    and was the last. `closed`: the client's connection has ended, or will."""

    forwarded: list[bytes] = field(default_factory=list)
    refused: bool = False
    closed: bool = False


class MemoryBalancer:
    """A listener in front of one server, whose connections are all in memory."""

    def __init__(self, **settings: Any) -> None:
        ticker = Ticker(SystemClock())
        self.pool = LivePool("web", Tickets(), ticker, PoolSettings())
        snapshot = Snapshot("web", 1, "round_robin", 0.5, (Server("s0", Address("192.0.2.2", 80)),))
        self.pool.adopt(snapshot, compile_policy(snapshot))
        listener = ListenerSettings.model_validate({"bind": "127.0.0.1:0", **settings})
        sock: socket.socket = bind(listener.bind)
        try:
            self.listener = Listener(
                listener, sock, Router(self.pool), Ledger(10**9, None), ticker, TaskSet(), print, 10
            )
        finally:
            sock.close()  # its address was asked for, nobody connects

    def client(self) -> tuple[ClientConnection, MemoryTransport]:
        connection, transport = ClientConnection(self.listener), MemoryTransport()
        connection.connection_made(transport)  # type: ignore[arg-type]
        return connection, transport

    def upstream(self) -> tuple[UpstreamConnection, MemoryTransport]:
        """A ready connection to the server, picked next."""
        server = self.pool.servers["s0"]
        connection, transport = UpstreamConnection(server), MemoryTransport()
        connection.connection_made(transport)  # type: ignore[arg-type]
        server.idle[:] = [connection]
        return connection, transport

    def requests(self, pieces: Iterable[bytes]) -> Outcome:
        """Feed a new client's bytes; each request that the server got whole is answered at once."""
        forwarded = []
        client, replies = self.client()
        upstream, requests = self.upstream()
        for piece in pieces:
            client.data_received(piece)
            while upstream.exchange is not None and upstream.exchange.request_done:
                forwarded.append(requests.written)
                requests.written = b""
                upstream.data_received(NO_CONTENT)
        assert replies.written.count(b"HTTP/1.1 204 ") == len(forwarded)
        refused = replies.written.count(b"HTTP/1.1 ") > len(forwarded)
        outcome = Outcome(forwarded, refused, client.closing)
        client.connection_lost(None)
        return outcome

    def response(self, request: bytes, pieces: Iterable[bytes]) -> tuple[bytes, bool]:
        """Feed a server's bytes in answer to a request, then its end; what the client got, and whether that
        is whole (else it was cut off)."""
        client, answer = self.client()
        upstream, requests = self.upstream()
        client.data_received(request)
        for piece in pieces:
            if requests.closed:
                break
            upstream.data_received(piece)
        if upstream.exchange is not None:
            upstream.connection_lost(None)
        whole = not answer.aborted
        client.connection_lost(None)
        return answer.written, whole
