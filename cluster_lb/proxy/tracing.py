"""Exchanges that belong to traces: one span for the exchange, one for each attempt, told when it settles.

Who exports them is handed in (`Tracer.export`): the data path knows no telemetry library.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING

from cluster_lb.proxy.failures import Failure
from cluster_lb.proxy.marks import MarkedExchange, with_lines
from cluster_lb.proxy.sampling import Sampler
from cluster_lb.wire.trace_context import TraceParent

if TYPE_CHECKING:
    from cluster_lb.model.address import Address
    from cluster_lb.proxy.server import LiveServer


@dataclass(frozen=True, slots=True)
class AttemptSpan:
    """One attempt. Times are monotonic seconds; `status` is 0 where no response came; `scheme`: what its
    server is spoken to in, http or https."""

    span_id: bytes
    server_id: str
    scheme: str
    address: Address
    started: float
    ended: float
    status: int
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class ExchangeSpan:
    """A settled exchange with its attempts. `host`: the address that the client reached; `scheme`: what it
    spoke, http or https. Times are monotonic seconds."""

    trace_id: bytes
    span_id: bytes
    parent: TraceParent | None
    state: bytes
    request_line: bytes
    client: str
    scheme: str
    host: Address
    pool: str
    status: int
    failure: Failure | None
    started: float
    ended: float
    attempts: tuple[AttemptSpan, ...]


class Tracer:
    """Begins traces: `sample` of the requests that no trusted proxy decided on. `export` takes each sampled
    exchange, and must not block."""

    def __init__(self, export: Callable[[ExchangeSpan], None], sample: float, rng: random.Random) -> None:
        self.export = export
        self.sampler = Sampler(sample, rng)
        self._random = rng

    def new_id(self, digits: int) -> bytes:
        """Random, of so many hexadecimal digits, and never all zero."""
        return b"%0*x" % (digits, self._random.getrandbits(4 * digits) or 1)


class TracedExchange(MarkedExchange):
    """An exchange of a node that traces. A server's parent is the span of the attempt at it.

    `_hop`: what the server of the attempt under way is told. `_began`: when that attempt did.
    """

    _span_id = b""
    _hop: TraceParent
    _began = 0.0
    _failed_attempts: tuple[AttemptSpan, ...] = ()

    def _tracer(self) -> Tracer:
        marking = self.client.listener.marking
        assert marking is not None
        assert marking.tracer is not None
        return marking.tracer

    def _make_lines(self) -> bytes:
        tracer, mark = self._tracer(), self.client.mark
        parent = mark.parent
        if parent is not None and mark.trusted:
            sampled = parent.sampled
        else:  # anybody can set a flag: it must not make us record all
            sampled = tracer.sampler.takes()
        trace_id = parent.trace_id if parent is not None else tracer.new_id(32)
        self._span_id = tracer.new_id(16)
        self._hop = TraceParent(trace_id, tracer.new_id(16), sampled)
        self._began = self.started
        return super()._make_lines() + self._hop.line()

    def on_attempt_failed(self, failure: Failure, *, stale: bool = False) -> None:
        self._end_attempt(0, failure)
        super().on_attempt_failed(failure, stale=stale)

    def _retry_status(self, server: LiveServer, following: LiveServer, status: int) -> None:
        self._end_attempt(status, None)
        super()._retry_status(server, following, status)

    def _end_attempt(self, status: int, failure: Failure | None) -> None:
        """The attempt under way has its span; the next one gets another."""
        server = self.server
        if self._hop.sampled and server is not None:
            self._failed_attempts += (self._attempt_span(server, monotonic(), status, failure),)
        self._hop = replace(self._hop, span_id=self._tracer().new_id(16))
        self._began = monotonic()
        old_bytes = len(self.own_lines)
        self.own_lines = self.own_lines[: -len(self._hop.line())] + self._hop.line()
        self.head = with_lines(self.head, self.own_lines, old_bytes)

    def _settle(self) -> None:
        if self._hop.sampled:
            self._tracer().export(self._exchange_span())
        super()._settle()

    def _exchange_span(self) -> ExchangeSpan:
        now, server, attempts = monotonic(), self.server, self._failed_attempts
        if server is not None and len(attempts) < self.attempts:
            attempts += (self._attempt_span(server, now, self.status, self.failure),)
        return ExchangeSpan(
            trace_id=self._hop.trace_id,
            span_id=self._span_id,
            parent=self.client.mark.parent,
            state=self.client.mark.state,
            request_line=self.request_line,
            client=self.client.peer,
            scheme=self.client.listener.proto.decode("ascii"),
            host=self.client.listener.address,
            pool=self.pool.name,
            status=self.status,
            failure=self.failure,
            started=self.started,
            ended=now,
            attempts=attempts,
        )

    def _attempt_span(
        self, server: LiveServer, ended: float, status: int, failure: Failure | None
    ) -> AttemptSpan:
        scheme = "https" if server.dial is not None and server.dial.is_secure else "http"
        return AttemptSpan(
            self._hop.span_id, server.id, scheme, server.address, self._began, ended, status, failure
        )
