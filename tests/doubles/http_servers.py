"""HTTP peers on loopback sockets that do what a test says, byte for byte."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from cluster_lb.model.address import Address

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(frozen=True)
class Message:
    """A message as it came: `line` without CRLF, `headers` as (lower-case name, value), the body's bytes as
    they were framed."""

    line: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def status(self) -> int:
        return int(self.line.split(" ")[1])

    def __getitem__(self, name: str) -> str | None:
        """The value of a field, its lines joined; None without one."""
        values = [value for key, value in self.headers if key == name]
        return ", ".join(values) if values else None


class Peer:
    """One end of a connection: a client, or a server's side of an accepted one."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *pieces: bytes) -> None:
        """Write; returns when the transport has taken it (not before the other side reads, if it is much)."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def trickle(self, data: bytes) -> None:
        """Write byte by byte, each in a segment of its own as far as the kernel goes along."""
        for offset in range(len(data)):
            self.writer.write(data[offset : offset + 1])
            await asyncio.sleep(0)

    async def read(self, count: int) -> bytes:
        """Exactly so many bytes."""
        return await self.reader.readexactly(count)

    async def rest(self) -> bytes:
        """All bytes until the other side's end. Raises ConnectionResetError when it was cut off."""
        return await self.reader.read()

    async def head(self) -> Message:
        """A head alone."""
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.split(":", 1) for line in lines[1:-2])
        return Message(lines[0], tuple((name.lower(), value.strip()) for name, value in pairs), b"")

    async def request(self) -> Message:
        """A whole request."""
        head = await self.head()
        return Message(head.line, head.headers, await self._body(head))

    async def response(self, method: str = "GET") -> Message:
        """A whole response to a request of `method`; interim ones count as responses."""
        head = await self.head()
        if method == "HEAD" or head.status in (204, 304) or head.status < 200:
            return head
        if head["content-length"] is None and head["transfer-encoding"] is None:
            return Message(head.line, head.headers, await self.rest())
        return Message(head.line, head.headers, await self._body(head))

    async def _body(self, head: Message) -> bytes:
        if head["transfer-encoding"]:
            body = b""
            while not body.endswith(b"0\r\n\r\n"):
                body += await self.reader.readuntil(b"\r\n")
            return body
        return await self.read(int(head["content-length"] or 0))

    async def ask(self, request: bytes, method: str = "GET") -> Message:
        """Send a request and read its response."""
        await self.send(request)
        return await self.response(method)

    def end(self) -> None:
        """Send no more; go on reading."""
        self.writer.write_eof()

    async def close(self) -> None:
        """Close in the orderly way."""
        self.writer.close()
        try:
            # Shielded: a task that is cancelled in here would cancel what all others wait for.
            await asyncio.shield(self.writer.wait_closed())
        except (ConnectionError, ssl.SSLError):
            return  # the other side was quicker

    async def drop(self) -> None:
        """Close at once, with whatever is still unsent."""
        self.writer.transport.abort()
        await self.close()

    def reset(self) -> None:
        """Close with an RST."""
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


async def connect(address: Address, *, limit: int = 1 << 16, receive_buffer: int | None = None) -> Peer:
    """A client; leaves bytes in the kernel once twice `limit` of them wait; `receive_buffer`: SO_RCVBUF."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # so that asyncio sets TCP_NODELAY
    sock.setblocking(False)
    if receive_buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    try:
        await asyncio.get_running_loop().sock_connect(sock, (address.host, address.port))
    except OSError:
        sock.close()
        raise
    return Peer(*await asyncio.open_connection(sock=sock, limit=limit))


Handler = Callable[[Peer], Coroutine[Any, Any, None]]


@dataclass
class HTTPServer:
    """Accepts connections on a loopback port. With a handler each connection is served by it in a task;
    without one the test takes them itself (`accepted`). An async context manager."""

    handler: Handler | None = None
    limit: int = 1 << 16
    receive_buffer: int | None = None  # SO_RCVBUF of its connections
    peers: list[Peer] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self._accepted: asyncio.Queue[Peer] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if self.receive_buffer is not None:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
        self._sock.bind(("127.0.0.1", 0))
        self.address = Address("127.0.0.1", self._sock.getsockname()[1])
        self._server = await asyncio.start_server(self._on_accept, sock=self._sock, limit=self.limit)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()
        for _ in range(3):
            await asyncio.sleep(0)  # a connection that is being accepted in this moment
        for task in list(self._tasks):
            task.cancel()
        outcomes = await asyncio.gather(*self._tasks, return_exceptions=True)
        for peer in self.peers:
            await peer.drop()
        for outcome in outcomes:
            gone = isinstance(outcome, (asyncio.IncompleteReadError, ConnectionError))
            if kind is None and isinstance(outcome, Exception) and not gone:
                raise outcome  # a defect of the test's own handler

    async def _on_accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        self.peers.append(peer)
        if self.handler is None:
            self._accepted.put_nowait(peer)
        else:
            self._tasks.add(asyncio.ensure_future(self.handler(peer)))

    async def accepted(self) -> Peer:
        """The next connection, in the order of their coming."""
        return await self._accepted.get()

    async def stop_listening(self) -> None:
        """Refuse further connections; those that are open stay."""
        self._server.close()
        self._sock.close()


@dataclass(frozen=True)
class Close:
    """A step of a script: close the connection, or cut it off with an RST."""

    reset: bool = False


@dataclass(frozen=True)
class Wait:
    """A step of a script: go on when the event is set."""

    event: asyncio.Event


Step = bytes | Close | Wait


def answering(*steps: Step | tuple[Step, ...], seen: list[Message] | None = None) -> Handler:
    """A handler that answers each request with the next of `steps` (several in a tuple), with the last one
    from then on. All connections share the script. Requests are added to `seen`."""
    script = [step if isinstance(step, tuple) else (step,) for step in steps]

    async def serve(peer: Peer) -> None:
        while True:
            try:
                request = await peer.request()
            except (asyncio.IncompleteReadError, ConnectionError):
                await peer.close()
                return
            if seen is not None:
                seen.append(request)
            for step in script.pop(0) if len(script) > 1 else script[0]:
                if not await _play(peer, step):
                    return

    return serve


async def _play(peer: Peer, step: Step) -> bool:
    """Whether the connection goes on."""
    if isinstance(step, bytes):
        await peer.send(step)
        return True
    if isinstance(step, Wait):
        await step.event.wait()
        return True
    if step.reset:
        peer.reset()
    else:
        await peer.close()
    return False


async def within(seconds: float, awaitable: Awaitable[Any]) -> Any:
    """Await, but not for ever."""
    async with asyncio.timeout(seconds):
        return await awaitable
