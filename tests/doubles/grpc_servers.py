"""A gRPC server on loopback that knows the health service alone."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived, StreamEnded
from hyperframe.frame import GoAwayFrame

from cluster_lb.model.address import Address

SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"
HEAD = ((":status", "200"), ("content-type", "application/grpc"))


def goaway(code: int) -> bytes:
    """The frame of a server that takes no further calls."""
    frame: bytes = GoAwayFrame(0, last_stream_id=2**31 - 1, error_code=code).serialize()
    return frame


@dataclass
class GrpcServer:
    """Answers each call with `message` (a HealthCheckResponse) and the trailers. `goaways`: error codes of
    the GOAWAY frames that come before the answers to the first calls; `farewell`: one follows each answer.
    `asked`: the heads of the calls."""

    message: bytes = SERVING
    head: tuple[tuple[str, str], ...] = HEAD
    trailers: tuple[tuple[str, str], ...] = (("grpc-status", "0"),)
    context: ssl.SSLContext | None = None
    asked: list[Mapping[str, str]] = field(default_factory=list)
    port: int = 0
    goaways: list[int] = field(default_factory=list)
    farewell: bool = False

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, ssl=self.context)
        self.address = Address(*self._server.sockets[0].getsockname())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.ensure_future(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        try:
            writer.write(connection.data_to_send())
            while data := await reader.read(65536):
                for event in connection.receive_data(data):
                    if isinstance(event, RequestReceived):
                        self.asked.append(dict(event.headers))
                    elif isinstance(event, StreamEnded):
                        writer.write(b"".join(goaway(code) for code in self.goaways[:1]))
                        del self.goaways[:1]
                        self._answer(connection, event.stream_id)
                farewell = goaway(0) if self.farewell else b""
                writer.write(connection.data_to_send() + farewell)
        except ConnectionError:
            pass  # the probe cuts its connection off
        finally:
            writer.transport.abort()

    def _answer(self, connection: H2Connection, stream: int) -> None:
        connection.send_headers(stream, list(self.head))
        connection.send_data(stream, b"\x00" + len(self.message).to_bytes(4) + self.message)
        connection.send_headers(stream, list(self.trailers), end_stream=True)
