"""Spans of settled exchanges for OpenTelemetry, exported in a thread of the SDK, in batches.

Only imported where `node.tracing.endpoint` is set: the SDK comes with the extra `cluster-lb[otel]`. Names and
values follow the stable semantic conventions for HTTP (opentelemetry.io, HTTP spans).
"""

from __future__ import annotations

import time

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from cluster_lb import __version__
from cluster_lb.proxy.failures import Failure
from cluster_lb.proxy.tracing import AttemptSpan, ExchangeSpan

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_SCOPE = InstrumentationScope("cluster_lb", __version__)
_KNOWN_METHODS = frozenset("GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH".split())
EXPORT_TIMEOUT_S = 10  # of one batch (OTEL_EXPORTER_OTLP_TIMEOUT)

Attributes = dict[str, str | int]


def open_collector(endpoint: str) -> SpanProcessor:
    """Sends batches to an OTLP collector over HTTP, below the base URL `endpoint`. What it cannot take in
    time is dropped."""
    return BatchSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces", timeout=EXPORT_TIMEOUT_S))


class Spans:
    """Makes spans of exchanges and hands them to `processor`. Called in the event loop; does not block."""

    def __init__(self, processor: SpanProcessor, node_id: str) -> None:
        self._processor = processor
        self._resource = Resource.create({"service.name": "cluster-lb", "service.instance.id": node_id})
        self._wall_less_monotonic = time.time() - time.monotonic()

    def export(self, exchange: ExchangeSpan) -> None:
        """The exchange as a server span, each attempt as a client span below it."""
        state = TraceState.from_header([exchange.state.decode("latin-1")] if exchange.state else [])
        own = _context(exchange.trace_id, exchange.span_id, state)
        parent = exchange.parent
        above = _context(parent.trace_id, parent.span_id, state, remote=True) if parent else None
        request = _request(exchange)
        for resends, attempt in enumerate(exchange.attempts):
            context = _context(exchange.trace_id, attempt.span_id, state)
            attributes = request | _attempt(exchange, attempt, resends)
            failed = attempt.failure is not None or attempt.status >= 400
            times = attempt.started, attempt.ended
            self._end(SpanKind.CLIENT, context, own, attributes, failed=failed, times=times)
        failed = exchange.status >= 500 or (exchange.failure is not None and exchange.status < 400)
        times = exchange.started, exchange.ended
        self._end(SpanKind.SERVER, own, above, request | _exchange(exchange), failed=failed, times=times)

    def _end(
        self,
        kind: SpanKind,
        context: SpanContext,
        parent: SpanContext | None,
        attributes: Attributes,
        *,
        failed: bool,
        times: tuple[float, float],
    ) -> None:
        method = str(attributes["http.request.method"])
        started, ended = (int((at + self._wall_less_monotonic) * 1e9) for at in times)
        self._processor.on_end(
            ReadableSpan(
                name="HTTP" if method == "_OTHER" else method,
                context=context,
                parent=parent,
                resource=self._resource,
                attributes=attributes,
                kind=kind,
                status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
                start_time=started,
                end_time=ended,
                instrumentation_scope=_SCOPE,
            )
        )

    def close(self) -> None:
        """Export what is held, as far as the collector answers, and end the thread."""
        self._processor.shutdown()


def _context(trace_id: bytes, span_id: bytes, state: TraceState, *, remote: bool = False) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), remote, _SAMPLED, state)


def _request(exchange: ExchangeSpan) -> Attributes:
    """What every span of an exchange says."""
    method, _, rest = exchange.request_line.decode("latin-1").partition(" ")
    attributes: Attributes = {"network.protocol.version": rest.strip().rpartition("/")[2]}
    if method in _KNOWN_METHODS:
        return attributes | {"http.request.method": method}
    return attributes | {"http.request.method": "_OTHER", "http.request.method_original": method}


def _target(exchange: ExchangeSpan) -> str:
    return exchange.request_line.decode("latin-1").split(" ")[1]


def _exchange(exchange: ExchangeSpan) -> Attributes:
    path, _, query = _target(exchange).partition("?")
    attributes: Attributes = {
        "url.scheme": exchange.scheme,
        "url.path": path,
        "server.address": exchange.host.host,
        "server.port": exchange.host.port,
        "client.address": exchange.client,
        "cluster_lb.pool": exchange.pool,
    }
    if query:
        attributes["url.query"] = query
    return attributes | _outcome(exchange.status, exchange.failure, error_from=500)


def _attempt(exchange: ExchangeSpan, attempt: AttemptSpan, resends: int) -> Attributes:
    attributes: Attributes = {
        "url.full": f"{attempt.scheme}://{attempt.address}{_target(exchange)}",
        "server.address": attempt.address.host,
        "server.port": attempt.address.port,
        "cluster_lb.server": attempt.server_id,
    }
    if resends:
        attributes["http.request.resend_count"] = resends
    # a status that is ours, for want of the server's, is not the server's
    status = 0 if attempt.failure is not None else attempt.status
    return attributes | _outcome(status, attempt.failure, error_from=400)


def _outcome(status: int, failure: Failure | None, *, error_from: int) -> Attributes:
    attributes: Attributes = {"http.response.status_code": status} if status else {}
    if failure is not None:
        attributes["error.type"] = failure.reason.partition(":")[0]
    elif status >= error_from:
        attributes["error.type"] = str(status)
    return attributes
