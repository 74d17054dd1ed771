"""Accepts clients that have something to do before their first request: a PROXY header, a TLS handshake.

Each has its own task until that is done, and is an ordinary `ClientConnection` from then on. What is read of
a PROXY header is only looked at first (MSG_PEEK), so that not a byte of what follows is taken.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

import structlog

from cluster_lb.errors import is_local_shortage
from cluster_lb.proxy.client import ClientConnection
from cluster_lb.proxy.throttle import Throttle
from cluster_lb.tasks import TaskSet
from cluster_lb.tls.context import alerting, reason
from cluster_lb.wire.proxy_protocol import MAX_V2_BYTES, Endpoints, HeaderReader, ProxyProtocolError

_log = structlog.get_logger("listener")

_ACCEPTED_AT_ONCE = 64  # then others have their turn
PAUSE_S = 1.0  # without file descriptors there is nothing to accept (asyncio: 1 s)
SHUTDOWN_S = 2.0  # a client has so long to answer our close_notify (as LINGER_SILENT_S)


class Acceptor:
    """Accepts on `sock`, a listening socket that is the acceptor's from now on.

    `waiting`: connections whose start is under way. `handshakes`, `failed_handshakes`, `bad_headers`: so far.
    """

    def __init__(
        self,
        sock: socket.socket,
        tasks: TaskSet,
        *,
        make_client: Callable[[Endpoints | None], ClientConnection],
        has_room: Callable[[], bool],
        on_started: Callable[[], None],
    ) -> None:
        self._sock = sock
        self._tasks = tasks
        self._make_client = make_client
        self._has_room = has_room
        self._on_started = on_started
        self._context: Callable[[], ssl.SSLContext] | None = None
        self._handshake_timeout_s: float | None = None
        self._header_timeout_s = 0.0
        self._may_introduce: Callable[[str], bool] | None = None
        self._resume: asyncio.TimerHandle | None = None
        self._failed = Throttle("TLS handshake failed")
        self._refused = Throttle("connection without a valid PROXY header closed")
        self.waiting = 0
        self.handshakes = 0
        self.failed_handshakes = 0
        self.bad_headers = 0

    def speak_tls(self, context: Callable[[], ssl.SSLContext], timeout_s: float) -> None:
        """Shake hands with what `context()` gives then."""
        self._context = context
        self._handshake_timeout_s = timeout_s

    def expect_header(self, allowed: Callable[[str], bool], timeout_s: float) -> None:
        """Read a PROXY header first, from addresses that are `allowed`; others are closed."""
        self._may_introduce = allowed
        self._header_timeout_s = timeout_s

    def start(self) -> None:
        """Begin to accept."""
        asyncio.get_running_loop().add_reader(self._sock, self._on_readable)

    def close(self) -> None:
        """Accept no more. What was accepted goes on."""
        if self._resume is not None:
            self._resume.cancel()
        if self._sock.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._sock)
            self._sock.close()

    def on_tick(self, now: float) -> None:
        """The tick: tell what was left out of the log."""
        self._failed.on_tick(now)
        self._refused.on_tick(now)

    def _on_readable(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                sock, peer = self._sock.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue  # gone again already
            except OSError as error:
                if not is_local_shortage(error):
                    raise
                self._pause(error)
                return
            self._take(sock, peer[0])

    def _pause(self, error: OSError) -> None:
        _log.error("no more connections can be accepted for now", error=error.strerror)
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._sock)
        self._resume = loop.call_later(PAUSE_S, self.start)

    def _take(self, sock: socket.socket, peer: str) -> None:
        if not self._has_room():
            sock.close()
            return
        sock.setblocking(False)
        self.waiting += 1
        self._tasks.start(self._welcome(sock, peer.removeprefix("::ffff:")), "welcome")

    async def _welcome(self, sock: socket.socket, peer: str) -> None:
        try:
            endpoints = await self._introduction(sock, peer) if self._may_introduce else None
            await self._begin(sock, peer, endpoints)
        except (ProxyProtocolError, TimeoutError, OSError) as error:
            self.bad_headers += 1
            if self._refused.allows():
                _log.info(
                    "connection without a valid PROXY header closed",
                    peer=peer,
                    reason=str(error) or "not there in time",
                )
        finally:
            self.waiting -= 1
            self._on_started()

    async def _introduction(self, sock: socket.socket, peer: str) -> Endpoints | None:
        """Read the PROXY header. Raises ProxyProtocolError, TimeoutError, OSError, with the socket closed."""
        assert self._may_introduce is not None
        try:
            if not self._may_introduce(peer):
                raise ProxyProtocolError("it may not come from there")
            async with asyncio.timeout(self._header_timeout_s):
                return await _read_header(sock)
        except BaseException:
            sock.close()
            raise

    async def _begin(self, sock: socket.socket, peer: str, endpoints: Endpoints | None) -> None:
        """Hand the connection to the loop; from here on it is its transport's to close."""
        loop = asyncio.get_running_loop()
        if self._context is None:
            await loop.connect_accepted_socket(lambda: self._make_client(endpoints), sock)
            return
        try:
            with alerting(sock):
                await loop.connect_accepted_socket(
                    lambda: self._make_client(endpoints),
                    sock,
                    ssl=self._context(),
                    ssl_handshake_timeout=self._handshake_timeout_s,
                    ssl_shutdown_timeout=SHUTDOWN_S,
                )
        except OSError as error:  # TLS errors and timeouts are OSErrors too
            self.failed_handshakes += 1
            if self._failed.allows():
                client = endpoints.source[0] if endpoints else peer
                _log.info("TLS handshake failed", client=client, reason=reason(error))
        else:
            self.handshakes += 1


async def _read_header(sock: socket.socket) -> Endpoints | None:
    reader = HeaderReader()
    while not reader.done:
        data = await _peek(sock)
        if not data:
            raise ProxyProtocolError("closed before its end")
        sock.recv(reader.feed(data))
    return reader.endpoints


async def _peek(sock: socket.socket) -> bytes:
    """What can be read next, once there is something; it stays where it is."""
    while True:
        try:
            return sock.recv(MAX_V2_BYTES, socket.MSG_PEEK)
        except BlockingIOError:
            await _readable(sock)


async def _readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(sock, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(sock)
