"""The body of a request on its way: where it ends, and what is kept of it for another attempt."""

from __future__ import annotations

from cluster_lb.wire.chunked import ChunkScanner
from cluster_lb.wire.errors import BadRequestError
from cluster_lb.wire.framing import Framing
from cluster_lb.wire.request_head import RequestFields

# Kept so that the request can be repeated, or until a connection is there; beyond it the client is paused
# while connecting, and the request not repeated after that (nginx client_body_buffer_size: 16 KiB).
MAX_KEPT_BYTES = 64 * 1024


class RequestBody:
    """A body that is passed on as it comes. `received`: its bytes so far, chunk framing included; `limit`: of
    its payload, 0 for none; `done`: all of it is there; `at_hand`: all that came is kept."""

    __slots__ = ("_kept", "_left", "_limit", "_scanner", "at_hand", "done", "received")

    def __init__(self, fields: RequestFields, limit: int) -> None:
        self.done = False
        self.received = 0
        self.at_hand = True
        self._kept: list[bytes] = []
        self._left = fields.length
        self._limit = limit
        self._scanner = ChunkScanner() if fields.framing is Framing.CHUNKED else None

    def take(self, data: bytes) -> tuple[bytes, bytes]:
        """Split `data` into what belongs to the body and what follows it. Raises BadRequestError for a
        chunked body that is malformed or too long."""
        if self._scanner is None:
            left = self._left
            self._left -= len(data)
            self.done = self._left <= 0
            mine, rest = (data, b"") if self._left >= 0 else (data[:left], data[left:])
        else:
            used = self._scan(self._scanner, data)
            mine, rest = data[:used], data[used:]
        self.received += len(mine)
        return mine, rest

    def _scan(self, scanner: ChunkScanner, data: bytes) -> int:
        try:
            used = scanner.feed(data)
        except ValueError as error:
            raise BadRequestError(str(error)) from None
        if self._limit and scanner.payload_bytes > self._limit:
            raise BadRequestError(f"body is longer than {self._limit} bytes", 413)
        self.done = scanner.done
        return used

    def keep(self, data: bytes, *, connected: bool) -> None:
        """Keep `data`, which was just taken, for another attempt; too much is kept only while nobody has
        it yet."""
        if self.at_hand and connected and self.received > MAX_KEPT_BYTES:
            self.at_hand = False
            self._kept.clear()
        elif self.at_hand:
            self._kept.append(data)

    @property
    def is_full(self) -> bool:
        """Whether the client should send no more until somebody takes what there is."""
        return self.received > MAX_KEPT_BYTES and not self.done

    def kept(self) -> bytes:
        """What an attempt begins with."""
        return self._kept[0] if len(self._kept) == 1 else b"".join(self._kept)
