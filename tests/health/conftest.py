"""Servers on loopback that answer a probe as a test wants."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from cluster_lb.model.address import Address

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Backend:
    """A TCP server that runs `handler` on each connection, and can go away and come back on its port."""

    def __init__(self, handler: Handler, host: str = "127.0.0.1") -> None:
        self.handler = handler
        self.connections = 0
        self._host = host
        self._port = 0
        self._server: asyncio.Server | None = None
        self._running: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> Address:
        return Address(self._host, self._port)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, self._host, self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def start_again(self) -> None:
        """Listen once more, on the same port."""
        await self.start()

    async def stop(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            await self.handler(reader, writer)
        except (asyncio.CancelledError, ConnectionError):
            pass  # the test is over, or the probe left first
        finally:
            self._running.discard(task)
            writer.close()


def answers(raw: bytes) -> Handler:
    """Reads a request head, then sends `raw` and closes."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()

    return handler


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Awaitable[Backend]]]:
    """`await serve(handler or raw answer, host=...)` starts a backend; all are stopped at the end."""
    backends = []

    async def start(handler: Handler | bytes, host: str = "127.0.0.1") -> Backend:
        backend = Backend(answers(handler) if isinstance(handler, bytes) else handler, host)
        await backend.start()
        backends.append(backend)
        return backend

    yield start
    for backend in backends:
        await backend.stop()


@pytest.fixture
def refusing() -> Iterator[Address]:
    """An address where nothing listens: bound, so that nobody else takes the port."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield Address("127.0.0.1", held.getsockname()[1])


@pytest.fixture
def silent() -> Iterator[Address]:
    """An address where a connect is neither accepted nor refused: the backlog is full."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        yield Address(*address)
        for filler in fillers:
            filler.close()
