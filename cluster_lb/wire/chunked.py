"""Finds the end of a chunked body while its bytes pass through unchanged (RFC 9112 section 7.1).

Strict: CRLF only, at most 15 hexadecimal digits, extensions without white space and up to a limit, trailers
under the grammar of fields and never one that frames, routes or authenticates a message.

What is passed on is always the beginning of a valid body: a line that is cut off by the end of the data is
checked as far as it goes, so that no server can find an end in it that is none.
"""

from __future__ import annotations

import re

from cluster_lb.wire import fields

MAX_LINE_BYTES = 4096  # a chunk-size line with its extensions (nginx and HAProxy bound it by their buffers)
MAX_EXTENSION_BYTES = 16 * 1024  # of all chunks together, over what they carry (Go net/http: 16 KiB)
MAX_TRAILER_BYTES = 8192

_QUOTED = rb'"(?:[\t\x20!#-\[\]-~\x80-\xff]|\\[\t\x20-~\x80-\xff])*+"'
_EXTENSION = rb";" + fields.TOKEN + rb"(?:=(?:" + fields.TOKEN + rb"|" + _QUOTED + rb"))?+"
_size_line = re.compile(rb"([0-9A-Fa-f]{1,15}+)((?:" + _EXTENSION + rb")*+)\r\n").match
_trailer_line = re.compile(rb"(" + fields.TOKEN + rb"):[\t\x20-\x7e\x80-\xff]*+\r\n").match

# A line has begun well when one of these makes it a whole one.
_SIZE_LINE_ENDS = (b"\r\n", b"\n", b"a\r\n", b'"\r\n', b'a"\r\n')
_TRAILER_LINE_ENDS = (b"\r\n", b"\n", b":\r\n")

# RFC 9110 section 6.5.1: fields that frame, route, modify or authenticate a message must not come in
# trailers, nor those that tell who the client is; in any spelling, because servers may merge them into the
# header.
_is_forbidden = re.compile(
    rb"content[^a-z0-9](?:length|encoding|type|range)|transfer[^a-z0-9]encoding|host|trailer|te|connection"
    rb"|keep[^a-z0-9]alive|upgrade|expect|max[^a-z0-9]forwards|cache[^a-z0-9]control|authorization"
    rb"|proxy[^a-z0-9].*|cookie|set[^a-z0-9]cookie|forwarded|x[^a-z0-9]forwarded[^a-z0-9].*"
    rb"|(?:x[^a-z0-9])?client[^a-z0-9]cert.*"
).fullmatch


class ChunkScanner:
    """Fed with the body's bytes as they come; says where the body ends. Raises ValueError with the reason."""

    __slots__ = (
        "_extension_bytes",
        "_pending",
        "_skip",
        "_trailer_bytes",
        "_trailers",
        "done",
        "payload_bytes",
    )

    def __init__(self) -> None:
        self.done = False
        self.payload_bytes = 0  # of the chunks announced so far
        self._extension_bytes = 0
        self._skip = 0  # bytes of chunk data, with its CRLF, still to pass
        self._pending = b""  # the line that was cut off by the end of the data
        self._trailers = False
        self._trailer_bytes = 0  # of the whole lines so far

    def feed(self, data: bytes) -> int:
        """Take `data`; return how many of its bytes belong to the body (all, unless it ends inside)."""
        held = len(self._pending)
        if held:
            data = self._pending + data
            self._pending = b""
        position = 0
        while not self.done:
            if self._skip:
                end = self._pass_chunk(data, position)
            elif self._trailers:
                end = self._read_trailer(data, position)
            else:
                end = self._read_size(data, position)
            if end < 0:
                return len(data) - held
            position = end
        return position - held

    def _pass_chunk(self, data: bytes, position: int) -> int:
        """Pass over chunk data; the CRLF after it is checked as soon as it is there."""
        available = len(data) - position
        skip = self._skip
        if available < skip:
            if available >= skip - 1 and data[position + skip - 2] != 13:
                raise ValueError("chunk data is not followed by CRLF")
            if skip - available == 1:
                self._pending = data[-1:]
                self._skip = 2
            else:
                self._skip = skip - available
            return -1
        if data[position + skip - 2 : position + skip] != b"\r\n":
            raise ValueError("chunk data is not followed by CRLF")
        self._skip = 0
        return position + skip

    def _read_size(self, data: bytes, position: int) -> int:
        line = _size_line(data, position)
        if line is None:
            return self._hold_size_line(data[position:])
        digits, extensions = line.groups()
        size = int(digits, 16)
        self.payload_bytes += size
        if extensions:
            self._count_extensions(line.end() - position, len(extensions))
        if size:
            self._skip = size + 2
        else:
            self._trailers = True
        return line.end()

    def _hold_size_line(self, rest: bytes) -> int:
        if len(rest) > MAX_LINE_BYTES:
            raise ValueError("chunk-size line is too long")
        if not any(_size_line(rest + end) for end in _SIZE_LINE_ENDS):
            raise ValueError("malformed chunk-size line")
        self._pending = rest
        return -1

    def _count_extensions(self, line_bytes: int, count: int) -> None:
        if line_bytes > MAX_LINE_BYTES:
            raise ValueError("chunk-size line is too long")
        self._extension_bytes += count
        if self._extension_bytes > MAX_EXTENSION_BYTES + self.payload_bytes:
            raise ValueError("chunk extensions are too long")

    def _read_trailer(self, data: bytes, position: int) -> int:
        if data.startswith(b"\r\n", position):
            self.done = True
            return position + 2
        line = _trailer_line(data, position)
        if line is None:
            return self._hold_trailer(data[position:])
        self._trailer_bytes += line.end() - position
        if self._trailer_bytes > MAX_TRAILER_BYTES:
            raise ValueError("trailers are too long")
        name = line[1].lower()
        if _is_forbidden(name):
            raise ValueError(f"{name.decode('ascii')} in trailers")
        return line.end()

    def _hold_trailer(self, rest: bytes) -> int:
        if rest not in (b"", b"\r"):
            if self._trailer_bytes + len(rest) > MAX_TRAILER_BYTES:
                raise ValueError("trailers are too long")
            if not any(_trailer_line(rest + end) for end in _TRAILER_LINE_ENDS):
                raise ValueError("malformed trailers")
        self._pending = rest
        return -1
