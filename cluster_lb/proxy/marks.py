"""What makes a request known on other machines: its id, and its place in a trace.

Both are a field line of this one request. A listener that gives neither has plain exchanges and pays nothing;
the others have exchanges of a type of their own, which put the lines behind the request line.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING

from cluster_lb.proxy.exchange import Exchange
from cluster_lb.proxy.request_memo import RequestMemo
from cluster_lb.wire.request_id import id_taker
from cluster_lb.wire.trace_context import TraceParent, take_trace_context

if TYPE_CHECKING:
    from cluster_lb.proxy.client import ClientConnection
    from cluster_lb.proxy.tracing import Tracer
    from cluster_lb.settings.schema import ListenerSettings

_FIRST = 10**15  # 16 digits for all that a process can ever number

# 32 hexadecimal digits, as an id of 128 bits has: 64 random bits of this process, and a counter. Two of a
# million processes have the same 64 bits with a probability of 3e-8. No secret: the next one can be guessed.
_prefix = os.urandom(8).hex().encode("ascii")
_numbers = count(_FIRST)


def new_id() -> bytes:
    """An id that no other process, node or restart gives."""
    return b"%b%d" % (_prefix, next(_numbers))


@dataclass(frozen=True, slots=True)
class Mark:
    """What a field block says of its request. `request_id`: empty where one has to be made. `parent`: None
    where a trace has to begin. `trusted`: it comes from a trusted proxy."""

    request_id: bytes = b""
    parent: TraceParent | None = None
    state: bytes = b""
    trusted: bool = False


NO_MARK = Mark()


class Marking:
    """How a listener marks requests. `id_form`: the id's field line with one %b, empty without ids."""

    def __init__(self, settings: ListenerSettings, tracer: Tracer | None) -> None:
        header = settings.request_id_header
        self.id_form = b"%b: %%b\r\n" % header.encode("ascii") if settings.request_id else b""
        self.tracer = tracer
        self._take_id = id_taker(header) if settings.request_id else None

    def take(self, memo: RequestMemo, *, trusted: bool) -> tuple[RequestMemo, Mark]:
        """A memo whose tail is without the fields that each request gets anew, and what they said."""
        tail, request_id, parent, state = memo.tail, b"", None, b""
        if self._take_id is not None:
            tail, request_id = self._take_id(tail)
        if self.tracer is not None:
            tail, parent, state = take_trace_context(tail)
        return replace(memo, tail=tail), Mark(request_id if trusted else b"", parent, state, trusted)


class MarkedExchange(Exchange):
    """An exchange of a listener that marks requests."""

    client: ClientConnection

    def start(self, head: bytes) -> None:
        self.own_lines = self._make_lines()
        super().start(with_lines(head, self.own_lines, 0))

    def deny(self, status: int, reason: str, lines: bytes) -> None:
        self.own_lines = self._make_lines()  # it has its place in logs and traces all the same
        super().deny(status, reason, lines)

    def _make_lines(self) -> bytes:
        """The lines of this request alone."""
        client = self.client
        marking = client.listener.marking
        assert marking is not None
        if not marking.id_form:
            return b""
        self.request_id = request_id = client.mark.request_id or new_id()
        return marking.id_form % request_id


def with_lines(head: bytes, lines: bytes, old_bytes: int) -> bytes:
    """`head` with `lines` behind its request line, in place of the `old_bytes` there."""
    end = head.index(b"\n") + 1
    return b"%b%b%b" % (head[:end], lines, head[end + old_bytes :])
