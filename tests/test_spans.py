"""Settled exchanges as spans of OpenTelemetry, with the names of its semantic conventions."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from cluster_lb.errors import SettingsError
from cluster_lb.model.address import Address
from cluster_lb.node import _spans
from cluster_lb.proxy.failures import CLIENT_GONE, CONNECT_FAILED
from cluster_lb.proxy.tracing import AttemptSpan, ExchangeSpan
from cluster_lb.settings.schema import NodeSettings, Settings
from cluster_lb.spans import Spans, open_collector
from cluster_lb.wire.trace_context import TraceParent
from tests.doubles.ports import free_port

TRACE = b"4bf92f3577b34da6a3ce929d0e0e4736"
GOOD = AttemptSpan(b"c" * 16, "s1", "https", Address("10.0.0.2", 8000), 100.2, 100.4, 200, None)
FAILED = AttemptSpan(
    b"b" * 16, "s0", "http", Address("10.0.0.1", 8000), 100.0, 100.2, 0, CONNECT_FAILED.because("refused")
)
EXCHANGE = ExchangeSpan(
    trace_id=TRACE,
    span_id=b"a" * 16,
    parent=TraceParent(TRACE, b"9" * 16, True),
    state=b"x=1",
    request_line=b"GET /a/b?c=d HTTP/1.1\r\n",
    client="192.0.2.1",
    scheme="https",
    host=Address("192.0.2.9", 80),
    pool="web",
    status=200,
    failure=None,
    started=100.0,
    ended=100.5,
    attempts=(FAILED, GOOD),
)


def exported(exchange: ExchangeSpan):
    exporter = InMemorySpanExporter()
    spans = Spans(SimpleSpanProcessor(exporter), "n1")
    spans.export(exchange)
    spans.close()
    return exporter.get_finished_spans()


def test_an_exchange_is_a_server_span_over_a_client_span_for_each_attempt():
    failed, good, server = exported(EXCHANGE)
    assert [span.kind for span in (failed, good, server)] == [
        SpanKind.CLIENT,
        SpanKind.CLIENT,
        SpanKind.SERVER,
    ]
    assert {span.name for span in (failed, good, server)} == {"GET"}
    assert {span.context.trace_id for span in (failed, good, server)} == {int(TRACE, 16)}
    assert server.parent.span_id == int("9" * 16, 16)
    assert server.parent.is_remote
    assert failed.parent.span_id == good.parent.span_id == server.context.span_id == int("a" * 16, 16)
    assert server.context.trace_state == {"x": "1"}
    assert server.end_time - server.start_time == pytest.approx(5e8, abs=1e3)
    assert server.resource.attributes["service.name"] == "cluster-lb"
    assert server.resource.attributes["service.instance.id"] == "n1"


def test_attributes_have_the_conventions_names():
    failed, good, server = exported(EXCHANGE)
    common = {"http.request.method": "GET", "network.protocol.version": "1.1"}
    assert server.attributes == common | {
        "url.scheme": "https",
        "url.path": "/a/b",
        "url.query": "c=d",
        "server.address": "192.0.2.9",
        "server.port": 80,
        "client.address": "192.0.2.1",
        "http.response.status_code": 200,
        "cluster_lb.pool": "web",
    }
    assert failed.attributes == common | {
        "url.full": "http://10.0.0.1:8000/a/b?c=d",
        "server.address": "10.0.0.1",
        "server.port": 8000,
        "error.type": "cannot connect",
        "cluster_lb.server": "s0",
    }
    assert good.attributes == common | {
        "url.full": "https://10.0.0.2:8000/a/b?c=d",
        "server.address": "10.0.0.2",
        "server.port": 8000,
        "http.response.status_code": 200,
        "http.request.resend_count": 1,
        "cluster_lb.server": "s1",
    }


@pytest.mark.parametrize(
    ("status", "server_fails", "client_fails"), [(200, False, False), (404, False, True), (500, True, True)]
)
def test_a_status_is_an_error_to_whom_it_is_one(status, server_fails, client_fails):
    client, server = exported(replace(EXCHANGE, status=status, attempts=(replace(GOOD, status=status),)))
    assert (server.status.status_code is StatusCode.ERROR) is server_fails
    assert (client.status.status_code is StatusCode.ERROR) is client_fails
    assert server.attributes.get("error.type") == (str(status) if server_fails else None)
    assert client.attributes.get("error.type") == (str(status) if client_fails else None)


def test_a_client_that_went_away_is_nobodys_error():
    (server,) = exported(replace(EXCHANGE, status=499, failure=CLIENT_GONE, attempts=()))
    assert server.status.status_code is StatusCode.UNSET


def test_an_unknown_method_does_not_name_a_span():
    server = exported(replace(EXCHANGE, request_line=b"BREW /pot HTTP/1.1\r\n"))[-1]
    assert server.name == "HTTP"
    assert server.attributes["http.request.method"] == "_OTHER"
    assert server.attributes["http.request.method_original"] == "BREW"


async def test_batches_reach_a_collector_over_http():
    received = []

    async def collect(request: web.Request) -> web.Response:
        received.append(ExportTraceServiceRequest.FromString(await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/traces", collect)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        spans = Spans(open_collector(f"http://127.0.0.1:{port}"), "n1")
        spans.export(EXCHANGE)
        await asyncio.to_thread(spans.close)
    finally:
        await runner.cleanup()
    (batch,) = received
    (scope,) = batch.resource_spans[0].scope_spans
    assert [span.name for span in scope.spans] == ["GET", "GET", "GET"]


def test_without_the_extra_the_setting_is_refused(monkeypatch):
    monkeypatch.delitem(sys.modules, "cluster_lb.spans")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    node = NodeSettings.model_validate({"tracing": {"endpoint": "http://127.0.0.1:4318"}})
    with pytest.raises(SettingsError, match=r"install cluster-lb\[otel\]"):
        _spans(Settings(node=node))
    assert _spans(Settings()) is None
