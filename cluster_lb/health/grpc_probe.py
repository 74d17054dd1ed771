"""A gRPC probe: `grpc.health.v1.Health/Check`, over HTTP/2 without or within TLS.

The two messages have one field each, so they are written and read here (health.proto): a request has the
service's name (field 1, text), a response its status (field 1, an enumeration).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import H2Error

from cluster_lb import __version__
from cluster_lb.clock import Clock
from cluster_lb.dial import Dial
from cluster_lb.health.observation import Observation, Word, ms_since
from cluster_lb.health.streams import conversation
from cluster_lb.model.address import Address
from cluster_lb.settings.health import HealthSettings

MAX_ANSWER_BYTES = 64 * 1024  # of a whole answer, frames and all; one has about a hundred
_READ_SIZE = 16 * 1024
_FRAME_HEAD = 9  # bytes, of every frame (RFC 9113 section 4.1)
_PATH = "/grpc.health.v1.Health/Check"
_STATES = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
_STATUS_FIELD = 0x08  # field 1, varint


class _GoodbyeError(Exception):
    """The server takes no calls on this connection any more (GOAWAY, RFC 9113 section 6.8): ask on another
    one."""


class _Answer:
    """What came of the one call so far."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}  # of head and trailers
        self.body = b""
        self.ended = False

    def add(self, event: Event) -> None:
        match event:
            case ResponseReceived() | TrailersReceived():
                self.fields |= {_text(name): _text(value) for name, value in event.headers or ()}
            case DataReceived():
                self.body += event.data or b""
            case StreamEnded():
                self.ended = True
            case ConnectionTerminated(error_code=ErrorCodes.NO_ERROR):
                raise _GoodbyeError
            case StreamReset() | ConnectionTerminated():
                raise H2Error("the server gave the call up")

    def judged(self) -> tuple[Word, str]:
        """What it says."""
        status = self.fields.get(":status")
        if status != "200":
            return Word.L7STS, str(status)
        code = self.fields.get("grpc-status", "")
        if code != "0":
            return Word.L7STS, f"grpc-status {code or 'is missing'}"
        state = state_of(self.body)
        if state is None:
            return Word.L7RSP, "invalid response"
        return Word.L7OK if state == "SERVING" else Word.L7STS, state


async def check(address: Address, settings: HealthSettings, dial: Dial | None, clock: Clock) -> Observation:
    """Call on a connection of its own, on another one where the server says goodbye on that; all within the
    timeout. `dial` offers HTTP/2 where it speaks TLS."""
    began = clock.monotonic()
    for _ in range(2):
        left_s = settings.timeout_s - (clock.monotonic() - began)
        try:
            found = await _check_once(address, settings, dial, left_s, clock)
        except _GoodbyeError:
            continue
        return replace(found, duration_ms=ms_since(began, clock))
    return Observation(Word.L7RSP, "closed without an answer", ms_since(began, clock))


async def _check_once(
    address: Address, settings: HealthSettings, dial: Dial | None, timeout_s: float, clock: Clock
) -> Observation:
    """Raises _GoodbyeError."""

    async def call(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[Word, str]:
        tls = writer.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() != "h2":
            return Word.L6RSP, "the server does not speak HTTP/2"
        connection = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        try:
            _call(connection, settings.host or str(address), settings.service, secure=tls is not None)
            answer = await _answered(connection, reader, writer)
        except H2Error:
            return Word.L7RSP, "invalid response"
        return answer.judged() if answer else (Word.L7RSP, "closed without an answer")

    return await conversation(address, dial, timeout_s, clock, call)


def _call(connection: H2Connection, authority: str, service: str, *, secure: bool) -> None:
    connection.initiate_connection()
    stream = connection.get_next_available_stream_id()
    head = [
        (":method", "POST"),
        (":scheme", "https" if secure else "http"),
        (":path", _PATH),
        (":authority", authority),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("user-agent", f"cluster-lb/{__version__}"),
    ]
    connection.send_headers(stream, head)
    connection.send_data(stream, request_of(service), end_stream=True)


async def _answered(
    connection: H2Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> _Answer | None:
    """The whole answer; None when the server closed before its end. Raises H2Error or _GoodbyeError."""
    answer, received = _Answer(), 0
    while not answer.ended:
        writer.write(connection.data_to_send())
        data = await reader.read(_READ_SIZE)
        received += len(data)
        if received > MAX_ANSWER_BYTES:
            raise H2Error("the answer has no end")
        if data.startswith(b"HTTP/"):  # h2 takes it for the beginning of a frame of 4 MiB
            raise H2Error("the server speaks HTTP/1")
        if not data:
            return None
        for event in _events(connection, data):
            answer.add(event)
            if answer.ended:
                break
    return answer


def _events(connection: H2Connection, data: bytes) -> Iterator[Event]:
    """Frame by frame: h2 raises at one that follows a GOAWAY, and tells nothing of those before it then."""
    for start in range(0, len(data), _FRAME_HEAD):  # in so few bytes one frame ends at most
        yield from connection.receive_data(data[start : start + _FRAME_HEAD])


def request_of(service: str) -> bytes:
    """A framed HealthCheckRequest: not compressed, its length, the message."""
    name = service.encode()
    message = b"\x0a" + _varint(len(name)) + name if name else b""
    return b"\x00" + len(message).to_bytes(4) + message


def state_of(body: bytes) -> str | None:
    """The name of the status in a framed HealthCheckResponse; None when it is none."""
    message = body[5:]
    if body[:1] != b"\x00" or int.from_bytes(body[1:5]) != len(message):
        return None
    if not message:
        return _STATES[0]
    if len(message) != 2 or message[0] != _STATUS_FIELD or message[1] >= len(_STATES):
        return None
    return _STATES[message[1]]


def _varint(number: int) -> bytes:
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*digits, number])


def _text(value: bytes | str) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
