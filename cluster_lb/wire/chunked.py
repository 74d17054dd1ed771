"""Finds the end of a chunked body while its bytes pass through unchanged (RFC 9112 section 7.1).

Strict: CRLF only, at most 15 hexadecimal digits, extensions of visible characters up to a limit, trailers
under the grammar of fields and never one that frames or routes a message.
"""

from __future__ import annotations

import re

from cluster_lb.wire import fields

MAX_LINE_BYTES = 4096  # a chunk-size line with its extensions (nginx and HAProxy bound it by their buffers)
MAX_TRAILER_BYTES = 8192

_size_line = re.compile(rb"([0-9A-Fa-f]{1,15}+)(?:[\t ]*+;[\t\x20-\x7e\x80-\xff]*+)?\r\n").match
_line_begun = re.compile(rb"[0-9A-Fa-f]{0,15}+(?:[\t ]*+;[\t\x20-\x7e\x80-\xff]*+|[\t ]*+)?\r?").fullmatch

# RFC 9110 section 6.5.1: fields that frame, route or authenticate a message must not come in trailers.
_forbidden = fields.finder(
    "content-length", "transfer-encoding", "host", "trailer", "te", "connection", "authorization", "cookie"
)


class ChunkScanner:
    """Fed with the body's bytes as they come; says where the body ends. Raises ValueError with the reason."""

    __slots__ = ("_pending", "_skip", "_trailers", "done", "payload_bytes")

    def __init__(self) -> None:
        self.done = False
        self.payload_bytes = 0  # of the chunks announced so far
        self._skip = 0  # bytes of chunk data, with its CRLF, still to pass
        self._pending = b""  # the begun line (or trailers) that was cut off by the end of the data
        self._trailers = False

    def feed(self, data: bytes) -> int:
        """Take `data`; return how many of its bytes belong to the body (all, unless it ends inside)."""
        held = len(self._pending)
        if held:
            data = self._pending + data
            self._pending = b""
        position = 0
        while not self.done:
            if self._trailers:
                end = self._trailer_end(data, position)
            elif self._skip:
                end = self._pass_chunk(data, position)
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
            rest = data[position:]
            if len(rest) > MAX_LINE_BYTES:
                raise ValueError("chunk-size line is too long")
            if not _line_begun(rest):
                raise ValueError("malformed chunk-size line")
            self._pending = rest
            return -1
        if line.end() - position > MAX_LINE_BYTES:
            raise ValueError("chunk-size line is too long")
        size = int(line[1], 16)
        self.payload_bytes += size
        if size:
            self._skip = size + 2
        else:
            self._trailers = True
        return line.end()

    def _trailer_end(self, data: bytes, position: int) -> int:
        if data.startswith(b"\r\n", position):
            self.done = True
            return position + 2
        end = data.find(b"\r\n\r\n", position)
        if end < 0:
            if len(data) - position > MAX_TRAILER_BYTES:
                raise ValueError("trailers are too long")
            self._pending = data[position:]
            return -1
        trailers = data[position : end + 4]
        if len(trailers) > MAX_TRAILER_BYTES:
            raise ValueError("trailers are too long")
        if not fields.is_block(trailers):
            raise ValueError("malformed trailers")
        for forbidden in _forbidden(trailers):
            raise ValueError(f"{forbidden.name.decode('ascii')} in trailers")
        self.done = True
        return end + 4
