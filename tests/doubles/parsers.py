"""How others read a message: llhttp (in C, Node's) and h11 (in Python), as values to compare."""

from __future__ import annotations

from dataclasses import dataclass, field

import h11
import httptools

# What llhttp knows. Any token is a method to us (RFC 9110 section 9.1), so llhttp gets POST for the others.
_KNOWN_METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE")

Fields = list[tuple[bytes, bytes]]


class NotOneMessageError(Exception):
    """The bytes are not exactly one message to this parser."""


@dataclass
class Reading:
    """A message as read: `start` is (method, target) or (status,); `trailers` come after the body."""

    start: tuple[bytes, ...] = ()
    fields: Fields = field(default_factory=list)
    body: bytes = b""
    trailers: Fields = field(default_factory=list)


class _Collector:
    """The callbacks of httptools."""

    def __init__(self) -> None:
        self.reading = Reading()
        self.url = b""
        self.messages = 0
        self._heads = 0

    def on_url(self, data: bytes) -> None:
        self.url += data

    def on_header(self, name: bytes, value: bytes) -> None:
        where = self.reading.trailers if self._heads else self.reading.fields
        name, value = name.lower(), value.strip(b" \t")
        where.append((name, value.lower() if name == b"transfer-encoding" else value))  # as h11 gives it

    def on_headers_complete(self) -> None:
        self._heads += 1

    def on_body(self, data: bytes) -> None:
        self.reading.body += data

    def on_message_complete(self) -> None:
        self.messages += 1


def llhttp_request(message: bytes) -> Reading:
    """What llhttp makes of a request. Raises NotOneMessageError."""
    method = message.partition(b" ")[0]
    collector = _Collector()
    parser = httptools.HttpRequestParser(collector)
    known = method in _KNOWN_METHODS
    _feed(parser, collector, message if known else b"POST" + message[len(method) :])
    collector.reading.start = (parser.get_method() if known else method, collector.url)
    return collector.reading


def llhttp_response(message: bytes, *, until_close: bool) -> Reading:
    """What llhttp makes of a response; `until_close`: the connection ends after it."""
    collector = _Collector()
    parser = httptools.HttpResponseParser(collector)
    if until_close:
        message += b"\0"  # httptools has no call for the end: what is left must be taken for body
    _feed(parser, collector, message, ends=not until_close)
    reading = collector.reading
    if until_close:
        reading.body = reading.body[:-1]
    reading.start = (b"%d" % parser.get_status_code(),)
    return reading


def _feed(parser: httptools.HttpParser, collector: _Collector, message: bytes, *, ends: bool = True) -> None:
    try:
        parser.feed_data(message[:-1])
        if collector.messages:
            raise NotOneMessageError("llhttp: ends before its last byte")
        parser.feed_data(message[-1:])
    except httptools.HttpParserUpgrade as upgrade:
        if upgrade.args[0] not in (1, len(message)) or not collector.messages:
            raise NotOneMessageError("llhttp: bytes after the upgrade") from upgrade
    except httptools.HttpParserError as error:
        raise NotOneMessageError(f"llhttp: {error!r}") from error
    if collector.messages != int(ends):
        raise NotOneMessageError(f"llhttp: {collector.messages} messages")


def h11_request(message: bytes) -> Reading:
    """What h11 makes of a request. Raises NotOneMessageError."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    return _h11(connection, message, until_close=False)


def h11_response(message: bytes, method: bytes, *, until_close: bool) -> Reading:
    """What h11 makes of a response to a request of `method`."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    connection.send(h11.Request(method=method, target="/", headers=[("host", "a")]))
    connection.send(h11.EndOfMessage())
    return _h11(connection, message, until_close=until_close)


def _h11(connection: h11.Connection, message: bytes, *, until_close: bool) -> Reading:
    reading = Reading()
    try:
        connection.receive_data(message)
        if until_close:
            connection.receive_data(b"")
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Request):
                reading.start, reading.fields = (event.method, event.target), _fields(event)
            elif isinstance(event, h11.Response):
                reading.start, reading.fields = (b"%d" % event.status_code,), _fields(event)
            elif isinstance(event, h11.Data):
                reading.body += bytes(event.data)
            else:
                raise NotOneMessageError(f"h11: {event!r}")
    except h11.RemoteProtocolError as error:
        raise NotOneMessageError(f"h11: {error}") from error
    reading.trailers = [(name.lower(), value) for name, value in event.headers]
    if connection.trailing_data[0]:
        raise NotOneMessageError("h11: bytes are left")
    return reading


def _fields(event: h11.Request | h11.Response) -> Fields:
    return [(name.lower(), value) for name, value in event.headers.raw_items()]
